import type { WaitOptions } from '../../../workers/host/scheduler/work.ts'
import { type Choice, forEachCopy } from '../../../workers/host/text/openai/choices.ts'
import type { PreparedText } from '../../../workers/host/text/openai/text-requests.ts'
import type { TextGenerator } from '../../../workers/host/text/types.ts'

/** A text on its way, of which the server counts the tokens. */
export interface StartedChoice extends Choice {
  /** Tokens generated so far. */
  readonly generatedTokens: () => number
}

/**
 * Starts `n` texts for each prompt, all at once: they share decode steps.
 *
 * @param wait Its deadline includes the wait for a slot.
 * @throws SpillwayError `overloaded` where they do not all find a place: then none of them waits.
 */
export function startChoices(
  generator: TextGenerator,
  texts: readonly PreparedText[],
  n: number,
  wait: WaitOptions,
): StartedChoice[] {
  const requests = texts.map(({ request }) => request)
  const tokens = requests.reduce((sum, request) => sum + request.tokens.length, 0)
  const refusal = generator.refusal?.(n * requests.length, n * tokens, wait)
  if (refusal) throw refusal
  return forEachCopy(requests, n, (request, place) => {
    const stream = generator.generate(request, wait)
    // Where another choice fails first, nobody awaits this one.
    stream.result.catch(() => undefined)
    const generatedTokens = () => stream.generatedTokens
    return {
      ...place,
      promptTokens: request.tokens,
      droppedMessages: texts[place.prompt]?.droppedMessages ?? 0,
      pieces: stream,
      result: stream.result,
      generatedTokens,
    }
  })
}

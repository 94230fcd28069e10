import { AnswerEvents, completeAnswer } from '../../workers/host/text/openai/answers.ts'
import { type ChoicePart, collectTexts, mergeByArrival } from '../../workers/host/text/openai/choices.ts'
import type { StartedTexts } from './start-texts.ts'
import type { OpenAiStream } from './types.ts'

/** The answer once all texts have ended. */
export async function wholeAnswer(started: StartedTexts): Promise<object> {
  const { tokens, results } = await collectTexts(started.choices, () => {})
  return completeAnswer({ ...started, executedOn: await started.placement() }, results, tokens)
}

export interface StreamOptions {
  readonly includesUsage: boolean
  /** Ends the texts. */
  readonly controller: AbortController
  /** Called at the end of the stream. */
  readonly release: () => void
}

/** The answer's events, once the first text has begun: a failure before that rejects the call, as a server's status does. */
export async function streamTexts(
  started: StartedTexts,
  { includesUsage, controller, release }: StreamOptions,
): Promise<OpenAiStream<object>> {
  const parts = mergeByArrival(started.choices)
  const first = await parts.next()
  const events = new AnswerEvents({ ...started, executedOn: await started.placement() }, includesUsage)
  const iterator = eventsOf(events, first, parts, controller, release)
  return { controller, [Symbol.asyncIterator]: () => iterator }
}

async function* eventsOf(
  events: AnswerEvents,
  first: IteratorResult<ChoicePart>,
  parts: AsyncGenerator<ChoicePart>,
  { signal }: AbortController,
  release: () => void,
): AsyncGenerator<object> {
  try {
    yield* events.begin()
    for (let part = first; !part.done; part = await parts.next()) {
      // As OpenAI's stream: who aborts it gets nothing more, and no error.
      if (signal.aborted) return
      yield* events.ofPart(part.value)
    }
    yield* await events.end()
  } catch (cause) {
    if (!signal.aborted) throw cause
  } finally {
    release()
    await parts.return(undefined)
  }
}

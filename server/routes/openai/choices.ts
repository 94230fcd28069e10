import { SpillwayError } from '../../../models/core/index.ts'
import type { WaitOptions } from '../../../workers/host/scheduler/work.ts'
import type { GenerateResult, Piece, TextGenerator } from '../../../workers/host/text/types.ts'
import type { TokensRequest } from './read-request.ts'

/** One of the texts that a request asks for, while it is generated. */
export interface Choice {
  readonly index: number
  readonly request: TokensRequest
  readonly pieces: AsyncIterable<Piece>
  readonly result: Promise<GenerateResult>
  /** Tokens generated so far. */
  readonly generatedTokens: () => number
}

/**
 * Starts `n` texts for each prompt, all at once: they share decode steps.
 *
 * @param wait Its deadline includes the wait for a slot.
 *
 * @throws SpillwayError `overloaded` where they do not all find a place: then none of them waits.
 */
export function startChoices(
  generator: TextGenerator,
  requests: readonly TokensRequest[],
  n: number,
  wait: WaitOptions,
): Choice[] {
  const tokens = requests.reduce((sum, request) => sum + request.tokens.length, 0)
  const refusal = generator.refusal?.(n * requests.length, n * tokens, wait)
  if (refusal) throw refusal
  return requests.flatMap((request, prompt) =>
    Array.from({ length: n }, (_, copy) => {
      // With the same seed all n texts would be the same.
      const seed = request.seed === undefined ? undefined : request.seed + copy
      const stream = generator.generate({ ...request, seed }, wait)
      // Where another choice fails first, nobody awaits this one.
      stream.result.catch(() => undefined)
      const generatedTokens = () => stream.generatedTokens
      return { index: prompt * n + copy, request, pieces: stream, result: stream.result, generatedTokens }
    }),
  )
}

/** The token counts of all choices together, as OpenAI's API reports them. */
export function usageOf(
  choices: readonly Choice[],
  results: readonly GenerateResult[],
): {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
} {
  // A prompt is counted once, however many texts continue it.
  const prompts = new Map(choices.map(({ request }, at) => [request.tokens, results[at]]))
  let prompt = 0
  let cached = 0
  for (const result of prompts.values()) {
    prompt += result?.usage.promptTokens ?? 0
    cached += result?.usage.cachedTokens ?? 0
  }
  const completion = results.reduce((sum, { usage }) => sum + usage.generatedTokens, 0)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  }
}

/** A piece of one choice, or its result once it has ended. */
export type ChoicePart =
  | { readonly choice: Choice; readonly piece: Piece }
  | { readonly choice: Choice; readonly result: GenerateResult }

/**
 * The pieces of all choices in the order of their arrival, read no faster than the consumer takes them. Each part costs
 * a race over all n choices that are left: n is at most 128.
 *
 * @throws SpillwayError the error of the first choice that fails.
 */
export async function* mergeByArrival(choices: readonly Choice[]): AsyncGenerator<ChoicePart> {
  const pending = new Map<Choice, Promise<ChoicePart>>()
  const readers = new Map(choices.map((choice) => [choice, choice.pieces[Symbol.asyncIterator]()]))
  const next = async (choice: Choice): Promise<ChoicePart> => {
    const part = await readers.get(choice)?.next()
    if (!part || part.done) return { choice, result: await choice.result }
    return { choice, piece: part.value }
  }
  const readNext = (choice: Choice) => {
    const part = next(choice)
    // The race below reports it; until then the rejection is unhandled.
    part.catch(() => undefined)
    pending.set(choice, part)
  }
  try {
    for (const choice of choices) readNext(choice)
    while (pending.size > 0) {
      const part = await Promise.race(pending.values())
      // It rejoins behind the others, so that no choice starves.
      pending.delete(part.choice)
      yield part
      if ('piece' in part) readNext(part.choice)
    }
  } catch (cause) {
    throw SpillwayError.from(cause, 'internal', 'The text broke off')
  } finally {
    for (const reader of readers.values()) void reader.return?.()
  }
}

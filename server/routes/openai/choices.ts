import { SpillwayError } from '../../../models/core/index.ts'
import type { GenerateResult, Piece, TextGenerator } from '../../../workers/host/text/types.ts'
import type { TokensRequest } from './read.ts'

/** One of the texts that a request asks for, on its way. */
export interface Choice {
  readonly index: number
  readonly request: TokensRequest
  readonly pieces: AsyncIterable<Piece>
  readonly result: Promise<GenerateResult>
}

/** Milliseconds that a text may take, its waiting for a slot included. */
const maxTextMs = 600_000

/** Starts `n` texts for each prompt, all of them at once: they share steps. */
export function startChoices(
  generator: TextGenerator,
  requests: readonly TokensRequest[],
  n: number,
  signal: AbortSignal,
): Choice[] {
  return requests.flatMap((request, prompt) =>
    Array.from({ length: n }, (_, copy) => {
      // With one seed for all of them they would be one text n times.
      const seed = request.seed === undefined ? undefined : request.seed + copy
      const stream = generator.generate({ ...request, seed }, { signal, deadlineMs: maxTextMs })
      // Another choice may fail first: this one's failure is then nobody's to hear.
      stream.result.catch(() => undefined)
      return { index: prompt * n + copy, request, pieces: stream, result: stream.result }
    }),
  )
}

/** What came of all choices together. */
export function usageOf(
  choices: readonly Choice[],
  results: readonly GenerateResult[],
): {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
} {
  // A prompt is counted once, however many texts go on from it.
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

/** A piece of one of the choices, whichever comes first; a choice's end has its result. */
export type ChoicePart =
  | { readonly choice: Choice; readonly piece: Piece }
  | { readonly choice: Choice; readonly result: GenerateResult }

/**
 * The pieces of all choices as they come, read no faster than they are taken.
 *
 * @throws SpillwayError what a choice failed with.
 */
export async function* mergeByArrival(choices: readonly Choice[]): AsyncGenerator<ChoicePart> {
  const waiting = new Map<Choice, Promise<ChoicePart>>()
  const readers = new Map(choices.map((choice) => [choice, choice.pieces[Symbol.asyncIterator]()]))
  const next = async (choice: Choice): Promise<ChoicePart> => {
    const part = await readers.get(choice)?.next()
    if (!part || part.done) return { choice, result: await choice.result }
    return { choice, piece: part.value }
  }
  const ask = (choice: Choice) => {
    const part = next(choice)
    // Told when it is its turn; until then nobody listens.
    part.catch(() => undefined)
    waiting.set(choice, part)
  }
  try {
    for (const choice of choices) ask(choice)
    while (waiting.size > 0) {
      const part = await Promise.race(waiting.values())
      // Behind the others, so that none is passed over for ever.
      waiting.delete(part.choice)
      yield part
      if ('piece' in part) ask(part.choice)
    }
  } catch (cause) {
    throw SpillwayError.from(cause, 'internal', 'The text broke off')
  } finally {
    for (const reader of readers.values()) void reader.return?.()
  }
}

import { SpillwayError } from '../../../../models/core/index.ts'
import type { Sampling } from '../../../../models/core/sampling.ts'
import type { GeneratedToken } from '../../../protocol/generation.ts'
import type { Priority } from '../../scheduler/priority.ts'
import type { GenerateResult, Piece } from '../types.ts'
import { invalidParameter } from './invalid-parameter.ts'

/** One of the texts that a request asks for, while it is generated. */
export interface Choice {
  readonly index: number
  /** The index of the prompt that it continues. */
  readonly prompt: number
  /** Empty where they are not known, and the answer does not name them. */
  readonly promptTokens: readonly number[]
  /** Messages of the chat that are not in the prompt. */
  readonly droppedMessages: number
  readonly pieces: AsyncIterable<Piece>
  readonly result: Promise<GenerateResult>
}

/** The place of a text among those of its request. */
export type ChoicePlace = Pick<Choice, 'index' | 'prompt'>

/** Calls back for each of `n` texts a prompt, in the order of the answer. With the same seed they would all be the same. */
export const forEachCopy = <R extends Sampling, C>(
  requests: readonly R[],
  n: number,
  start: (request: R, place: ChoicePlace) => C,
): C[] =>
  requests.flatMap((request, prompt) =>
    Array.from({ length: n }, (_, copy) => {
      const seed = request.seed === undefined ? undefined : request.seed + copy
      return start({ ...request, seed }, { index: prompt * n + copy, prompt })
    }),
  )

/** @throws SpillwayError `request_malformed` for too many texts. */
export function checkChoices(texts: number, maxChoices: number): void {
  if (texts > maxChoices)
    throw invalidParameter('n', `at most ${maxChoices} texts for all prompts together`, `${texts}`)
}

/** Of vLLM's field, where lower ones begin earlier. The schedulers have three levels. */
export function priorityOf(priority: number | null | undefined): Priority {
  if (!priority) return 'normal'
  return priority < 0 ? 'high' : 'low'
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
  completion_tokens_details: { reasoning_tokens: number }
} {
  // A prompt is counted once, however many texts continue it.
  const prompts = new Map(choices.map(({ prompt }, at) => [prompt, results[at]]))
  let prompt = 0
  let cached = 0
  for (const result of prompts.values()) {
    prompt += result?.usage.promptTokens ?? 0
    cached += result?.usage.cachedTokens ?? 0
  }
  const completion = results.reduce((sum, { usage }) => sum + usage.generatedTokens, 0)
  const reasoning = results.reduce((sum, { usage }) => sum + usage.reasoningTokens, 0)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  }
}

/** A piece of one choice, or its result once it has ended. */
export type ChoicePart =
  | { readonly choice: Choice; readonly piece: Piece }
  | { readonly choice: Choice; readonly result: GenerateResult }

/**
 * The results of all choices, and their tokens.
 *
 * @param onPart Called for each part as it arrives.
 */
export async function collectTexts(
  choices: readonly Choice[],
  onPart: (part: ChoicePart) => void,
): Promise<{ readonly tokens: ReadonlyMap<Choice, GeneratedToken[]>; readonly results: GenerateResult[] }> {
  const tokens = new Map<Choice, GeneratedToken[]>(choices.map((choice) => [choice, []]))
  for await (const part of mergeByArrival(choices)) {
    onPart(part)
    if ('piece' in part) tokens.get(part.choice)?.push(...part.piece.tokens)
  }
  return { tokens, results: await Promise.all(choices.map(({ result }) => result)) }
}

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

import { median } from '../bench-definition.ts'
import { promptOf } from '../prompt-of.ts'

/** Tokens that came together. @param at In milliseconds. */
export interface TokensAt {
  readonly at: number
  readonly tokens: number
}

/** What writes texts: a model on one side of the comparison. */
export interface Writer {
  /**
   * Writes one text of exactly so many tokens.
   *
   * @param seed Another one for each text, where tokens are drawn.
   * @returns when they came; empty where that is not known.
   */
  write(prompt: readonly number[], tokens: number, seed: number): Promise<readonly TokensAt[]>
  /** Whether its texts share steps. Many that do not are measured once: they need no warm-up, and take minutes. */
  readonly sharesSteps: boolean
}

export interface Amount {
  /** Texts at once. */
  readonly streams: readonly number[]
  /** Tokens of each prompt, and of each text. */
  readonly prompt: number
  readonly tokens: number
  readonly rounds: number
}

export interface Streams {
  readonly streams: number
  /** Of all texts together, from the first request to the last token: the median of the rounds. */
  readonly tokensPerSecond: number
  /** The same while every text is being written, without the prompts: what a bare loop does. */
  readonly steadyPerSecond: number | undefined
}

/** Is told of each rate as soon as it is known: a side that is cut off keeps those that it has. */
export type TellRate = (rate: Streams) => void | Promise<void>

/**
 * How ours writes. Greedy texts of random weights soon repeat themselves, and ours would propose what repeats (prompt
 * lookup): a property of these texts, not of free ones. The logits of random weights are nearly flat, so that drawn texts
 * repeat nothing and nothing is proposed.
 */
export const drawn = (seed: number) => ({ temperature: 1, seed })

/** Times texts at once. Used in pages and in Node. */
export async function timeStreams(
  { write, sharesSteps }: Writer,
  vocabulary: number,
  { streams, prompt, tokens, rounds }: Amount,
  tellRate: TellRate,
): Promise<void> {
  // No two prompts alike: nothing of one is found in what another left behind.
  let seed = 0
  for (const [index, count] of streams.entries()) {
    const isOnce = !sharesSteps && index > 0
    const rates: number[] = []
    const steady: number[] = []
    for (let round = isOnce ? 1 : 0; round <= (isOnce ? 1 : rounds); round++) {
      const start = performance.now()
      const texts = await Promise.all(
        Array.from({ length: count }, () => write(promptOf(prompt, vocabulary, ++seed), tokens, seed)),
      )
      const ms = performance.now() - start
      // The first round compiles shaders, and finds how many texts share a step.
      if (round === 0) continue
      rates.push((1_000 * count * tokens) / ms)
      const rate = steadyRate(texts)
      if (rate !== undefined) steady.push(rate)
    }
    await tellRate({
      streams: count,
      tokensPerSecond: median(rates),
      steadyPerSecond: steady.length > 0 ? median(steady) : undefined,
    })
  }
}

/** @throws Error where a side wrote fewer tokens than were asked for, or more: its rate would count for nothing. */
export function checkCount(who: string, got: number, expected: number): void {
  if (got !== expected) throw new Error(`${who} wrote ${got} of ${expected} tokens`)
}

export const tokensOf = (text: readonly TokensAt[]): number =>
  text.reduce((sum, { tokens }) => sum + tokens, 0)

/** Tokens a second from when the last text has its first token to when the first text has its last one. */
function steadyRate(texts: readonly (readonly TokensAt[])[]): number | undefined {
  const begun = Math.max(...texts.map(([first]) => first?.at ?? Number.NaN))
  const ended = Math.min(...texts.map((text) => text.at(-1)?.at ?? Number.NaN))
  if (!(ended > begun)) return undefined
  const tokens = tokensOf(texts.flat().filter(({ at }) => at > begun && at <= ended))
  return (1_000 * tokens) / (ended - begun)
}

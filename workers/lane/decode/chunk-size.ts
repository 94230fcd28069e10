import { Cost } from './cost.ts'

/** Sizes are doubled and halved. */
const sizes = { least: 8, first: 32, most: 256 }

/** The share of a step that a chunk beside it may take. A later part of a prompt costs more than an earlier one. */
const share = 0.75

/** A chunk of half the size is kept where it costs no more than so much of the whole. */
const worthwhile = 0.75

/**
 * How many tokens of a prompt are read in a step of others: as many as the others hardly feel. Where a chunk takes too
 * long it is halved, and doubled again where that did not help: on many devices a run costs the same for few tokens.
 */
export class ChunkSize {
  readonly #plain = new Cost()
  /** What a chunk adds to a step, by its size. */
  readonly #chunks = new Map<number, Cost>()
  tokens = sizes.first

  /** A step without a chunk. */
  addPlain(ms: number): void {
    this.#plain.add(ms)
  }

  /** A step with a chunk of so many tokens. */
  addWithChunk(tokens: number, ms: number): void {
    const { ms: plain } = this.#plain
    // The last chunk of a prompt is shorter, and has logits.
    if (plain === undefined || tokens !== this.tokens) return
    const cost = this.#chunks.get(tokens) ?? new Cost()
    this.#chunks.set(tokens, cost)
    cost.add(Math.max(0, ms - plain))
    if (cost.ms !== undefined) this.#choose(cost.ms, share * plain)
  }

  #choose(ms: number, allowed: number): void {
    const { tokens } = this
    const smaller = this.#chunks.get(tokens / 2)?.ms
    const larger = this.#chunks.get(2 * tokens)?.ms
    if (ms > allowed) {
      const didNotHelp = larger !== undefined && ms > worthwhile * larger
      const mayHelp = smaller === undefined || smaller <= worthwhile * ms
      if (didNotHelp) this.tokens = 2 * tokens
      else if (mayHelp) this.tokens = Math.max(sizes.least, tokens / 2)
    } else if ((larger ?? 2 * ms) <= allowed) this.tokens = Math.min(sizes.most, 2 * tokens)
  }
}

/** What a step did. */
export interface StepKind {
  /** Sequences that were given tokens. */
  readonly rows: number
  /** Tokens that the run took of each of them. */
  readonly tokens: number
  /** Tokens of a prompt that were read beside them. */
  readonly read: number
}

/** How much a new measurement changes what is known. */
const weight = 0.2

/** Without a measurement, a further token of a run is taken to cost so much of a step: less than it is likely to. */
const firstGuess = 0.15

/**
 * Tokens of a prompt that are read in a step of others: before anything is known, at least, and the share of such a step
 * that they may take. Less than all of it, since a later part of a prompt costs more than an earlier one.
 */
const chunk = { first: 32, least: 8, share: 0.75 }

/** What steps take, as measured. The first of a kind is left out: it may compile shaders. */
export class StepCosts {
  /** Of one sequence alone, in milliseconds by the tokens of its run; undefined where one of the kind was seen. */
  readonly #alone = new Map<number, number | undefined>()
  /** Of all sequences that run, in milliseconds. */
  #step: number | undefined
  /** Of a token of a prompt, in milliseconds. */
  #read: number | undefined
  #hasRead = false

  add({ rows, tokens, read }: StepKind, ms: number): void {
    if (rows === 0 || ms <= 0) return
    if (read > 0) {
      if (this.#hasRead && this.#step !== undefined)
        this.#read = blend(this.#read, Math.max(0, ms - this.#step) / read)
      this.#hasRead = true
      return
    }
    if (tokens === 1) this.#step = blend(this.#step, ms)
    if (rows > 1) return
    this.#alone.set(tokens, this.#alone.has(tokens) ? blend(this.#alone.get(tokens), ms) : undefined)
  }

  /** What a run of so many tokens of one sequence takes, over a run of one. */
  factor(tokens: number): number {
    const one = this.#alone.get(1)
    const all = this.#alone.get(tokens)
    return one && all ? all / one : 1 + firstGuess * (tokens - 1)
  }

  /** Tokens of a prompt that take no longer than a step of the others. */
  get tokensInStep(): number {
    if (!this.#step || !this.#read) return chunk.first
    return Math.max(chunk.least, Math.floor((chunk.share * this.#step) / this.#read))
  }
}

const blend = (before: number | undefined, now: number) =>
  before === undefined ? now : before + weight * (now - before)

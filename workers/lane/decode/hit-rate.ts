import type { StepCosts } from './step-costs.ts'

/** Numbers of tokens to propose: few, since each may want shaders of its own. */
const sizes = [1, 2, 4, 8] as const

export const mostProposed = 8

/** How much a prediction that came true, or not, changes what is expected of the next. */
const weight = 0.15

/** How far a share goes back to what was taken first, with each token. */
const forgetting = 0.005

/** What a proposal has to promise over a plain step: what is expected of it is a guess. */
const leastGain = 1.1

/** How often one way of predicting tokens is right, and how many of its tokens are worth a run. */
export class HitRate {
  readonly #first: number
  #share: number

  /** @param first Taken for the share of predictions that come true, before there were any. */
  constructor(first: number) {
    this.#first = first
    this.#share = first
  }

  add(isHit: boolean): void {
    this.#share += weight * (Number(isHit) - this.#share)
  }

  /** A token came: what is known is forgotten by and by, so that what was given up is tried again some day. */
  forget(): void {
    this.#share += forgetting * (this.#first - this.#share)
  }

  /**
   * How many tokens to propose, at most so many; 0 where a plain step is expected to be better.
   * @param isDrafted Whether a draft model has to write them first.
   */
  size(most: number, costs: StepCosts, isDrafted = false): number {
    let best = { size: 0, gain: leastGain }
    for (const size of sizes) {
      const gain = this.#expected(size) / costs.factor(size + 1, isDrafted)
      if (size <= most && gain > best.gain) best = { size, gain }
    }
    return best.size
  }

  /** Tokens that such a run is expected to give: each proposed one comes only after those before it. */
  #expected(size: number): number {
    let expected = 0
    for (let at = 0; at <= size; at++) expected += this.#share ** at
    return expected
  }
}

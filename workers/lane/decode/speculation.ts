import { PromptLookup } from './prompt-lookup.ts'
import type { StepCosts } from './step-costs.ts'

/** Numbers of tokens to propose: few, since each may want shaders of its own. */
const sizes = [2, 4, 8] as const

/** How much a prediction that came true, or not, changes what is expected of the next. */
const weight = 0.15

/** What a proposal has to promise over a plain step: what is expected of it is a guess. */
const leastGain = 1.1

/** Taken for the share of predictions that come true, before there were any. */
const firstShare = 0.3

/**
 * Proposes a sequence's next tokens, to be verified in one run. It costs nothing to predict, so every token that comes is
 * compared with what was predicted for it, and tokens are proposed only while that pays.
 */
export class Speculation {
  readonly #lookup: PromptLookup
  readonly #costs: StepCosts
  #share = firstShare
  #predicted: number | undefined

  constructor(tokens: readonly number[], costs: StepCosts) {
    this.#lookup = new PromptLookup(tokens)
    this.#costs = costs
    this.#predict()
  }

  /** A token has come. */
  accept(token: number): void {
    if (this.#predicted !== undefined)
      this.#share += weight * (Number(this.#predicted === token) - this.#share)
    this.#predict()
  }

  /** Tokens that are likely to come next, at most so many; none where a plain step is expected to be better. */
  propose(most: number): readonly number[] {
    if (this.#predicted === undefined) return []
    let best = { size: 0, gain: leastGain }
    for (const size of sizes) {
      const gain = this.#expected(size) / this.#costs.factor(size + 1)
      if (size <= most && gain > best.gain) best = { size, gain }
    }
    return best.size > 0 ? this.#lookup.propose(best.size) : []
  }

  /** Tokens that such a run is expected to give: each proposed one comes only after those before it. */
  #expected(size: number): number {
    let expected = 0
    for (let at = 0; at <= size; at++) expected += this.#share ** at
    return expected
  }

  #predict(): void {
    ;[this.#predicted] = this.#lookup.propose(1)
  }
}

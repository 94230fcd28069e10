import { HitRate } from './hit-rate.ts'
import { PromptLookup } from './prompt-lookup.ts'
import type { StepCosts } from './step-costs.ts'

/** How often predictions are taken to come true before there were any: of a text, and where its format leads. */
const firstShares = { lookup: 0.3, forced: 0.9 }

/**
 * Proposes a sequence's next tokens, to be verified in one run. It costs nothing to predict, so every token that comes is
 * compared with what was predicted for it, and tokens are proposed only while that pays.
 */
export class Speculation {
  readonly #lookup: PromptLookup
  readonly #costs: StepCosts
  readonly #lookedUp = new HitRate(firstShares.lookup)
  readonly #forced = new HitRate(firstShares.forced)
  #predicted: number | undefined

  constructor(tokens: readonly number[], costs: StepCosts) {
    this.#lookup = new PromptLookup(tokens)
    this.#costs = costs
    this.#predict()
  }

  /** A token has come. @param forced The one that its format led to. */
  accept(token: number, forced?: number): void {
    if (this.#predicted !== undefined) this.#lookedUp.add(this.#predicted === token)
    if (forced !== undefined) this.#forced.add(forced === token)
    this.#predict()
  }

  /** Tokens that are likely to come next, at most so many; none where a plain step is expected to be better. */
  propose(most: number): readonly number[] {
    if (this.#predicted === undefined) return []
    const size = this.#lookedUp.size(most, this.#costs)
    return size > 0 ? this.#lookup.propose(size) : []
  }

  /**
   * As much of a path that a format allows as is worth a run.
   * @param isForced Whether the format leads there, and not what was proposed.
   */
  within(path: readonly number[], isForced: boolean, most: number): readonly number[] {
    const rate = isForced ? this.#forced : this.#lookedUp
    return path.slice(0, rate.size(Math.min(most, path.length), this.#costs))
  }

  #predict(): void {
    ;[this.#predicted] = this.#lookup.propose(1)
  }
}

import { HitRate } from './hit-rate.ts'
import { PromptLookup } from './prompt-lookup.ts'
import type { StepCosts } from './step-costs.ts'

/** How often predictions are taken to come true before there were any: by what came before, by a format, by a draft model. */
const firstShares = { lookup: 0.3, forced: 0.9, drafted: 0.7 }

/**
 * Proposes a sequence's next tokens, to be verified in one run. It costs nothing to predict, so every token that comes is
 * compared with what was predicted for it, and tokens are proposed only while that pays.
 */
export class Speculation {
  readonly #lookup: PromptLookup
  readonly #costs: StepCosts
  readonly #lookedUp = new HitRate(firstShares.lookup)
  readonly #forced = new HitRate(firstShares.forced)
  readonly #drafted = new HitRate(firstShares.drafted)
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
    this.#drafted.forget()
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

  /** How many tokens to ask a draft model for, at most so many. */
  draftSize(most: number): number {
    return this.#drafted.size(most, this.#costs, true)
  }

  /** So many tokens of a draft model were verified, and so many of them came. */
  noteDraft(proposed: number, accepted: number): void {
    for (let at = 0; at < accepted; at++) this.#drafted.add(true)
    if (accepted < proposed) this.#drafted.add(false)
  }

  #predict(): void {
    ;[this.#predicted] = this.#lookup.propose(1)
  }
}

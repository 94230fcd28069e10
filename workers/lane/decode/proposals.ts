import type { Kv } from '../kv/kv.ts'
import type { Choosing } from './choosing.ts'
import type { Sequence } from './sequence.ts'
import type { StepCosts } from './step-costs.ts'

export interface ProposalsOptions {
  readonly kv: Kv
  readonly costs: StepCosts
  readonly choosing: Choosing
  /** As of the decoder. */
  readonly isExact: boolean
}

/** What may come next, where a sequence is alone: several fill a run by themselves. */
export class Proposals {
  readonly #options: ProposalsOptions

  constructor(options: ProposalsOptions) {
    this.#options = options
  }

  /** The same as `of`, once it is known what of it a format allows. */
  async next(rows: readonly Sequence[]): Promise<readonly number[]> {
    const [sequence] = rows
    if (rows.length === 1 && sequence?.format?.isLookingAhead)
      await this.#options.choosing.formatsSettled(rows)
    return this.of(rows)
  }

  /** Tokens that are likely to come next, where it pays to verify them in one run. */
  of([sequence, ...others]: readonly Sequence[]): readonly number[] {
    return sequence && others.length === 0 ? sequence.propose(this.#most(sequence), this.#options.costs) : []
  }

  /** A sequence has new tokens: what its format allows next is asked for, and as far ahead as proposals may go. */
  expect(sequence: Sequence, running: readonly Sequence[]): void {
    sequence.expect(running.length > 1 ? 0 : this.#most(sequence), this.#options.costs)
  }

  /** How many tokens a run could verify. */
  #most({ room, tokens }: Sequence): number {
    const { kv, isExact } = this.#options
    return kv.returnsEach && isExact ? Math.min(room - 1, kv.shape.capacity - tokens.length) : 0
  }
}

import type { Kv } from '../kv/kv.ts'
import type { Choosing } from './choosing.ts'
import type { DecoderOptions } from './decoder-options.ts'
import { DraftModel, type DraftModelOptions } from './draft-model.ts'
import type { Sequence } from './sequence.ts'
import type { Slots } from './slots.ts'
import type { StepCosts } from './step-costs.ts'

export interface ProposalsOptions {
  readonly kv: Kv
  readonly slots: Slots<Sequence>
  readonly costs: StepCosts
  readonly choosing: Choosing
  /** As of the decoder. */
  readonly isExact: boolean
  readonly draft?: DraftModelOptions | undefined
  readonly exclusive: DecoderOptions['exclusive']
}

export interface Proposal {
  readonly tokens: readonly number[]
  /** Whether a draft model was asked. */
  readonly isDrafted: boolean
}

/** What may come next, where a sequence is alone: several fill a run by themselves. */
export class Proposals {
  readonly #options: ProposalsOptions
  readonly #draft: DraftModel | undefined

  constructor(options: ProposalsOptions) {
    this.#options = options
    this.#draft = options.draft && new DraftModel(options.draft, options.exclusive)
  }

  /**
   * Tokens that are likely to come next, where it pays to verify them in one run: what the sequence repeats or its format
   * leads to, else what the draft model writes.
   */
  async next(rows: readonly Sequence[]): Promise<Proposal> {
    const { choosing } = this.#options
    const [sequence] = rows
    if (rows.length === 1 && sequence?.format?.isLookingAhead) await choosing.formatsSettled(rows)
    const tokens = this.#known(rows)
    const size = tokens.length > 0 ? 0 : this.#draftSize(rows)
    if (!sequence || !this.#draft || size === 0) return { tokens, isDrafted: false }
    return { tokens: await this.#draft.propose(sequence, size), isDrafted: true }
  }

  /** Whether there will be some: then no step is started ahead. */
  arePossible(rows: readonly Sequence[]): boolean {
    return this.#known(rows).length > 0 || this.#draftSize(rows) > 0
  }

  /** A sequence has new tokens: what its format allows next is asked for, and as far ahead as proposals may go. */
  expect(sequence: Sequence, running: readonly Sequence[]): void {
    sequence.expect(running.length > 1 ? 0 : this.#most(sequence), this.#options.costs)
  }

  /** Gives memory back. Not to be called during a run. */
  shrink(): void {
    this.#draft?.shrink()
  }

  close(): void {
    this.#draft?.close()
  }

  /** What costs nothing to propose. */
  #known([sequence, ...others]: readonly Sequence[]): readonly number[] {
    return sequence && others.length === 0 ? sequence.propose(this.#most(sequence), this.#options.costs) : []
  }

  #draftSize([sequence, ...others]: readonly Sequence[]): number {
    if (!sequence || !this.#draft || others.length > 0) return 0
    const most = Math.min(this.#most(sequence), this.#draft.most(sequence))
    return sequence.draftSize(most, this.#options.costs)
  }

  /** How many tokens a run could verify. */
  #most(sequence: Sequence): number {
    const { kv, slots, isExact } = this.#options
    const room = Math.min(sequence.room - 1, slots.room(sequence) - sequence.tokens.length)
    return kv.returnsEach && isExact ? room : 0
  }
}

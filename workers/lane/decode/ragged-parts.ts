import type { Kv } from '../kv/kv.ts'
import { blockSize } from '../kv/paged/paged-kv.ts'
import type { EventBuffer } from './event-buffer.ts'
import { mostRead } from './next-chunk.ts'
import type { Sequence } from './sequence.ts'
import type { Slots } from './slots.ts'
import type { StepCosts } from './step-costs.ts'

export interface RaggedOptions {
  readonly kv: Kv
  readonly slots: Slots<Sequence>
  readonly costs: StepCosts
  readonly events: Pick<EventBuffer, 'add'>
}

/** A sequence and how many of its tokens a run takes. */
export interface RaggedPart {
  readonly sequence: Sequence
  readonly count: number
  /** Whether its next token can be chosen then. */
  readonly isLast: boolean
  /** Whether its prompt was read before. */
  readonly isStep: boolean
}

/**
 * What the next run takes, where rows may have any number of tokens: the last token of each sequence that was read, and
 * parts of prompts, first come first served, as many tokens as the others hardly feel.
 */
export class RaggedParts {
  readonly #options: RaggedOptions

  constructor(options: RaggedOptions) {
    this.#options = options
  }

  next(running: readonly Sequence[]): readonly RaggedPart[] {
    const steps = running.filter((sequence) => this.#unread(sequence) === 1)
    const parts = steps.map((sequence): RaggedPart => ({ sequence, count: 1, isLast: true, isStep: true }))
    const inFront: Sequence[] = []
    let left = steps.length > 0 ? this.#options.costs.chunk : mostRead
    for (const sequence of running) {
      if (left <= 0) break
      if (this.#unread(sequence) <= 1) continue
      this.#share(sequence)
      const unread = this.#unread(sequence)
      // Whole blocks can be shared. They are read once.
      const useful = sequence.tokens.length - unread + blockSize
      const waits = inFront.some((other) => sharedLength(other.tokens, sequence.tokens) >= useful)
      inFront.push(sequence)
      if (waits) continue
      const count = Math.min(left, unread)
      left -= count
      parts.push({ sequence, count, isLast: count === unread, isStep: false })
    }
    return parts
  }

  #unread({ slot = 0, tokens }: Sequence): number {
    return tokens.length - this.#options.kv.length(slot)
  }

  #share(sequence: Sequence): void {
    const { slots, events } = this.#options
    const cachedTokens = slots.share(sequence)
    if (cachedTokens !== undefined) events.add({ id: sequence.id, tokens: [], cachedTokens })
  }
}

function sharedLength(one: readonly number[], other: readonly number[]): number {
  const end = Math.min(one.length, other.length)
  let length = 0
  while (length < end && one[length] === other[length]) length++
  return length
}

import type { Kv } from '../kv/kv.ts'
import type { EventBuffer } from './event-buffer.ts'
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

/** The most tokens of prompts in one run. */
const mostRead = 256

/** A prompt waits for another that is being read where at least so many of its tokens come of that. */
const leastShared = 16

/**
 * What the next run takes, where rows may have any number of tokens: the last token of each sequence that was read, and
 * parts of prompts, first come first served, as many tokens as the others hardly feel.
 */
export function raggedParts(running: readonly Sequence[], options: RaggedOptions): readonly RaggedPart[] {
  const { kv, slots, costs, events } = options
  const unread = ({ slot = 0, tokens }: Sequence) => tokens.length - kv.length(slot)
  const steps = running.filter((sequence) => unread(sequence) === 1)
  const parts = steps.map((sequence): RaggedPart => ({ sequence, count: 1, isLast: true, isStep: true }))
  const inFront: Sequence[] = []
  let left = steps.length > 0 ? costs.chunk : mostRead
  for (const sequence of running) {
    if (left <= 0) break
    if (unread(sequence) <= 1) continue
    const cachedTokens = slots.share(sequence)
    if (cachedTokens !== undefined) events.add({ id: sequence.id, tokens: [], cachedTokens })
    const held = kv.length(sequence.slot ?? 0)
    const waits = inFront.some((other) => sharedLength(other.tokens, sequence.tokens) >= held + leastShared)
    inFront.push(sequence)
    if (waits) continue
    const count = Math.min(left, unread(sequence))
    left -= count
    parts.push({ sequence, count, isLast: count === unread(sequence), isStep: false })
  }
  return parts
}

function sharedLength(one: readonly number[], other: readonly number[]): number {
  const end = Math.min(one.length, other.length)
  let length = 0
  while (length < end && one[length] === other[length]) length++
  return length
}

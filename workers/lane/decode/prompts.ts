import type { Kv } from '../kv/kv.ts'
import type { EventBuffer } from './event-buffer.ts'
import { nextChunk } from './next-chunk.ts'
import type { RunLogits, Runs } from './runs.ts'
import type { Sequence } from './sequence.ts'
import type { Slots } from './slots.ts'
import type { StepCosts } from './step-costs.ts'

export interface PromptsOptions {
  readonly kv: Kv
  readonly slots: Slots<Sequence>
  readonly runs: Runs
  readonly costs: StepCosts
  readonly events: EventBuffer
  /** As of the decoder. */
  readonly selected: number
  readonly isExact: boolean
}

/** A chunk that was read. */
export interface Chunk {
  readonly tokens: number
  /** Logits for the first new token, after the last chunk. */
  readonly logits: RunLogits | undefined
}

/** Reads prompts chunk by chunk, one prompt at a time. What another slot holds of a prompt is copied, not read. */
export class Prompts {
  readonly #options: PromptsOptions

  constructor(options: PromptsOptions) {
    this.#options = options
  }

  /** Tokens that the sequence's slot does not hold yet; 1 where the next run gives the sequence its next token. */
  unread({ slot = 0, tokens }: Sequence): number {
    return tokens.length - this.#options.kv.length(slot)
  }

  /** The first sequence with a prompt that is not read to its end. */
  next(running: readonly Sequence[]): Sequence | undefined {
    const { slots, events } = this.#options
    for (const sequence of running) {
      if (this.unread(sequence) <= 1) continue
      const cachedTokens = slots.share(sequence)
      if (cachedTokens !== undefined) events.add({ id: sequence.id, tokens: [], cachedTokens })
      if (this.unread(sequence) > 1) return sequence
    }
    return undefined
  }

  /** @param running Where others of them wait for their next token, a chunk is small. */
  async read(sequence: Sequence, running: readonly Sequence[]): Promise<Chunk> {
    const { kv, runs, costs, selected, isExact } = this.#options
    const isWaitedFor = running.some((other) => other !== sequence && this.unread(other) <= 1)
    const { mostTokens = Number.POSITIVE_INFINITY } = kv
    const fitting = isWaitedFor ? Math.min(costs.chunk, mostTokens) : mostTokens
    const { tokens, isLast } = nextChunk(this.unread(sequence), {
      fitting,
      selected,
      // Where nothing is proposed, it need not be known.
      isKnown: kv.returnsEach || !isExact,
    })
    return { tokens, logits: await runs.chunk(sequence, tokens, isLast) }
  }
}

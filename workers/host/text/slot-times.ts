import type { SpillwayError } from '../../../models/core/index.ts'
import { tooLong } from '../scheduler/errors.ts'
import type { WaitOptions } from '../scheduler/work.ts'
import type { SequenceQueue } from './sequence-queue.ts'

const movedMean = (mean: number, ms: number) => (mean === 0 ? ms : 0.8 * mean + 0.2 * ms)

/** How long the sequences of one model take: moving averages, in milliseconds; zero before the first has ended. */
export class SlotTimes {
  /** Sequences that one lane decodes at a time, as it reported last. */
  slots: number
  /** From the request to the end. */
  #wholeMs = 0
  /** While they had a slot. */
  #slotMs = 0

  constructor(slots: number) {
    this.slots = slots
  }

  /** Of all slots that a sequence takes. */
  get costMs(): number {
    return Math.max(1, this.#wholeMs / this.slots)
  }

  /** Until so many sequences are done. */
  doneMs(sequences: number): number {
    return (this.#wholeMs * sequences) / this.slots
  }

  ended({ ageMs, slotMs }: { readonly ageMs: number; readonly slotMs: number }): void {
    this.#wholeMs = movedMean(this.#wholeMs, ageMs)
    this.#slotMs = movedMean(this.#slotMs, slotMs)
  }

  /**
   * Why a new sequence would get its slot too late; nothing where it would not, or where that is not known.
   *
   * @param maxStartMs Milliseconds until its slot, where others wait already.
   */
  refusal(
    queue: Pick<SequenceQueue, 'size' | 'shareAhead'>,
    maxStartMs: number | undefined,
    wait: WaitOptions,
  ): SpillwayError | undefined {
    if (maxStartMs === undefined || queue.size === 0 || this.#slotMs === 0) return undefined
    const limitMs = Math.min(maxStartMs, wait.deadlineMs ?? Number.POSITIVE_INFINITY)
    const ahead = queue.size * queue.shareAhead(wait, this.costMs)
    const startMs = ((ahead + 1) * this.#slotMs) / this.slots
    return startMs > limitMs ? tooLong(startMs, limitMs) : undefined
  }
}

import type { EventBuffer } from './event-buffer.ts'
import type { Sequence } from './sequence.ts'
import type { Slots } from './slots.ts'

/** The sequences that wait for a slot, and those that have one. */
export class SequenceQueue {
  readonly #slots: Slots<Sequence>
  readonly #events: Pick<EventBuffer, 'add'>
  #waiting: Sequence[] = []
  #running: Sequence[] = []
  #isShort = false

  constructor(slots: Slots<Sequence>, events: Pick<EventBuffer, 'add'>) {
    this.#slots = slots
    this.#events = events
  }

  get waiting(): readonly Sequence[] {
    return this.#waiting
  }

  /** Those with a slot, in the order in which they came. */
  get running(): readonly Sequence[] {
    return this.#running
  }

  /** Whether some wait since there is too little memory for more, not too few slots. */
  get isShort(): boolean {
    return this.#isShort
  }

  add(sequence: Sequence): void {
    this.#waiting.push(sequence)
  }

  remove(sequence: Sequence): void {
    this.#waiting = this.#waiting.filter((other) => other !== sequence)
    this.#running = this.#running.filter((other) => other !== sequence)
    this.#slots.release(sequence)
  }

  /**
   * Gives slots to waiting sequences, first come first served, while there is memory.
   * @returns one that would not fit even alone.
   */
  admit(): Sequence | undefined {
    for (;;) {
      const [sequence] = this.#waiting
      if (!sequence) {
        this.#isShort = false
        return undefined
      }
      const cachedTokens = this.#slots.assign(sequence, sequence.request.maxTokens - sequence.newTokens)
      if (cachedTokens === undefined) {
        this.#isShort = true
        return this.#running.length > 0 ? undefined : sequence
      }
      this.#waiting.shift()
      this.#running.push(sequence)
      this.#events.add({ id: sequence.id, tokens: [], cachedTokens })
    }
  }

  /**
   * Room for the next tokens of those that will run. Where memory ends, the last to come is preempted.
   * @param next Those that will run, asked again after each that was preempted.
   */
  reserve(next: () => readonly Sequence[]): void {
    for (;;) {
      const rows = next()
      const last = this.#running.at(-1)
      if (!last || this.#slots.reserve(rows)) return
      this.#slots.preempt(last)
      // They are for a position that is read again.
      last.heldLogits = undefined
      this.#isShort = true
      this.#running.pop()
      this.#waiting.unshift(last)
    }
  }
}

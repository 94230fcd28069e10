import type { Clock } from '../../../models/async/clock.ts'

/** A page's clock: when the page is closed, nothing of it happens any more. */
export class VisitorClock implements Clock {
  readonly #clock: Clock
  #isClosed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now()
  }

  after(ms: number, task: () => void): () => void {
    return this.#clock.after(ms, () => {
      if (!this.#isClosed) task()
    })
  }

  close(): void {
    this.#isClosed = true
  }
}

export const delay = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.after(ms, resolve))

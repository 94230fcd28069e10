import type { Clock } from '../../../models/async/clock.ts'

interface Event {
  readonly at: number
  readonly order: number
  /** Undefined once it is cancelled. */
  task: (() => void) | undefined
}

/** Events between which Node gets a turn of its own: it keeps a list of rejected promises until then. */
const eventsPerTurn = 4_096

/** Cheaper than `queueMicrotask`, which keeps the asynchronous context of its caller. */
const settled = Promise.resolve()

/** A clock of simulated time: it jumps from event to event. Events of one moment happen in the order of their making. */
export class EventClock implements Clock {
  readonly #heap: Event[] = []
  #now = 0
  #made = 0
  #happened = 0

  now(): number {
    return this.#now
  }

  /** Events so far. */
  get happened(): number {
    return this.#happened
  }

  after(ms: number, task: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#made++, task }
    this.#push(event)
    return () => {
      event.task = undefined
    }
  }

  /**
   * Lets all events up to a moment happen. The next one happens when no promise is left that the last one could settle:
   * a task of `process.nextTick` that a microtask makes runs after the last microtask, whatever these make in turn.
   */
  run(until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = () => {
        if (++this.#happened % eventsPerTurn === 0) setImmediate(step)
        else process.nextTick(step)
      }
      const step = () => {
        const event = this.#nextUntil(until)
        if (!event?.task) {
          this.#now = until
          resolve()
          return
        }
        this.#now = event.at
        try {
          event.task()
        } catch (cause) {
          reject(cause)
          return
        }
        settled.then(next)
      }
      settled.then(next)
    })
  }

  /** Takes the next event that was not cancelled. */
  #nextUntil(until: number): Event | undefined {
    for (let first = this.#heap[0]; first && first.at <= until; first = this.#heap[0]) {
      this.#shift()
      if (first.task) return first
    }
    return undefined
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (!parent || isBefore(parent, event)) break
      heap[at] = parent
      at = above
    }
    heap[at] = event
  }

  #shift(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      let child = heap[below]
      const right = heap[below + 1]
      if (child && right && isBefore(right, child)) {
        child = right
        below++
      }
      if (!child || isBefore(last, child)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

const isBefore = (one: Event, other: Event): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)

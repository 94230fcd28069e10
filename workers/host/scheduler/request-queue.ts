import type { Entry } from './entry.ts'
import { levelOf, priorities } from './priority.ts'
import type { QueueBounds } from './queue-bounds.ts'
import { RankedQueue } from './ranked-queue.ts'
import type { BatchedModel } from './work.ts'

/** Counts that queues share. */
export type QueueTotals = { -readonly [bound in keyof QueueBounds]: number }

export const noRequests = (): QueueTotals => ({ requests: 0, rows: 0, bytes: 0 })

/** Waiting requests of one model that may share a run, by rank. */
export class RequestQueue<S extends BatchedModel = BatchedModel> {
  /** One queue a priority: ranks rise within each, so the next request is the lowest of three heads. */
  readonly #fifos = priorities.map(() => new Fifo<Entry<S>>())
  /** Requests with callers, whose ranks do not rise: there are none in a page. */
  #ranked: RankedQueue<Entry<S>> | undefined
  #size = 0
  #rows = 0
  /** Requests that were dropped since the last cleaning. */
  #dropped = 0
  /** Counts of the model, and of all models. */
  readonly #ofModel: QueueTotals
  readonly #ofAll: { requests: number }
  /** Rows and milliseconds of the last run. */
  #lastRows = 0
  #lastMs = 0

  /** Both counts are kept up to date with this queue's requests. */
  constructor(ofModel: QueueTotals, ofAll: { requests: number }) {
    this.#ofModel = ofModel
    this.#ofAll = ofAll
  }

  /** Requests that wait. */
  get size(): number {
    return this.#size
  }

  get rows(): number {
    return this.#rows
  }

  /** A batch of this queue ran. */
  ran(rows: number, ms: number): void {
    this.#lastRows = rows
    this.#lastMs = ms
  }

  /** Rows that end within `ms` if each costs what it did in the last run, and at most `growth` times as many as that had. */
  rowsAsInLastRun(ms: number, growth: number): number {
    const times = this.#lastMs > 0 ? Math.min(growth, ms / this.#lastMs) : growth
    return Math.floor(this.#lastRows * times)
  }

  push(entry: Entry<S>): void {
    if (!entry.turn) this.#fifos[levelOf(entry.wait.priority ?? 'normal')]?.push(entry)
    else {
      this.#ranked ??= new RankedQueue()
      this.#ranked.push(entry)
    }
    this.#attach(entry)
  }

  /** Puts a request that runs again, or next, before all others. */
  unshift(entry: Entry<S>): void {
    this.#fifos[0]?.unshift(entry)
    this.#attach(entry)
  }

  /** Requests with callers, in no order. */
  *withCallers(): Iterable<Entry<S>> {
    for (const entry of this.#ranked ?? []) if (!entry.settled) yield entry
  }

  peek(): Entry<S> | undefined {
    return this.#next()?.peek()
  }

  shift(): Entry<S> | undefined {
    const entry = this.#next()?.shift()
    if (entry) this.#detach(entry)
    return entry
  }

  /** Takes requests in order, for as long as `takes` agrees. */
  shiftWhile(takes: (entry: Entry<S>) => boolean): void {
    for (let fifo = this.#next(); fifo; fifo = this.#next()) {
      const entry = fifo.peek()
      if (!entry || !takes(entry)) return
      fifo.shift()
      this.#detach(entry)
    }
  }

  /**
   * Removes a request that was settled while it waited. It is skipped at its turn, or cleaned out when most requests of the
   * queue are settled, so that the inputs of callers who left are not kept for long.
   */
  drop(entry: Entry<S>): void {
    this.#detach(entry)
    if (++this.#dropped <= this.#size) return
    for (const fifo of this.#fifos) fifo.keep(({ settled }) => !settled)
    this.#ranked?.keep(({ settled }) => !settled)
    this.#dropped = 0
  }

  #attach(entry: Entry<S>): void {
    entry.queue = this
    this.#size++
    this.#rows += entry.work.rows
    this.#ofAll.requests++
    this.#ofModel.requests++
    this.#ofModel.rows += entry.work.rows
    this.#ofModel.bytes += entry.bytes
  }

  #detach(entry: Entry<S>): void {
    entry.queue = undefined
    this.#size--
    this.#rows -= entry.work.rows
    this.#ofAll.requests--
    this.#ofModel.requests--
    this.#ofModel.rows -= entry.work.rows
    this.#ofModel.bytes -= entry.bytes
  }

  #next(): Ordered<Entry<S>> | undefined {
    let best: Ordered<Entry<S>> | undefined
    let lowest = Number.POSITIVE_INFINITY
    for (const fifo of this.#fifos) {
      let head = fifo.peek()
      for (; head?.settled; head = fifo.peek()) fifo.shift()
      if (!head || head.rank >= lowest) continue
      best = fifo
      lowest = head.rank
    }
    return this.#ranked ? this.#nextRanked(this.#ranked, best, lowest) : best
  }

  #nextRanked(
    ranked: RankedQueue<Entry<S>>,
    fifo: Ordered<Entry<S>> | undefined,
    lowest: number,
  ): Ordered<Entry<S>> | undefined {
    let head = ranked.peek()
    for (; head?.settled; head = ranked.peek()) ranked.shift()
    return head && head.rank < lowest ? ranked : fifo
  }
}

interface Ordered<T> {
  peek(): T | undefined
  shift(): T | undefined
}

/** A first-in first-out queue. Both ends cost the same, however long it is. */
class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  push(item: T): void {
    this.#items.push(item)
  }

  unshift(item: T): void {
    if (this.#head > 0) this.#items[--this.#head] = item
    else this.#items.unshift(item)
  }

  keep(stays: (item: T) => boolean): void {
    this.#items = this.#items.filter((item) => item !== undefined && stays(item))
    this.#head = 0
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    }
    return item
  }
}

import type { SpillwayError } from '../../../models/core/index.ts'
import {
  type BatchedModel,
  type Priority,
  priorities,
  type ResultHandler,
  type RunAnswer,
  type WaitOptions,
  type Work,
} from './work.ts'

/** A request from `submit` to its settling. */
export class Entry<S extends BatchedModel = BatchedModel> {
  readonly work: Work<S>
  /** Milliseconds on the clock by which it has to be answered. */
  readonly deadline: number
  /** The place in line: the time of its coming, later for lower priorities. Waiting makes up for priority, so none starves. */
  readonly rank: number
  /** The most requests in its next batch: halved each time that a batch with it failed, so a bad one ends up alone. */
  maxBatchSize: number
  /** Lanes that died of it. */
  deaths = 0
  /** Where it waits; nothing while it is in a lane. */
  queue: RequestQueue<S> | undefined
  /** Ends what watches for its deadline and its caller's leaving; nothing where it has neither. */
  release: (() => void) | undefined
  /** Told when its caller left while it was in a lane. */
  onLeave: (() => void) | undefined
  settled = false
  readonly #wait: WaitOptions
  readonly #reader: ResultHandler<S, unknown>
  readonly #resolve: (outcome: unknown) => void

  constructor(
    work: Work<S>,
    wait: WaitOptions,
    reader: ResultHandler<S, unknown>,
    resolve: (outcome: unknown) => void,
  ) {
    const { deadlineMs = Number.POSITIVE_INFINITY, priority = 'normal' } = wait
    this.work = work
    this.deadline = work.askedAt + deadlineMs
    this.rank = work.askedAt + levelOf(priority) * priorityStepMs
    this.maxBatchSize = work.source.manifest.batchAxis === null ? 1 : Number.POSITIVE_INFINITY
    this.#wait = wait
    this.#reader = reader
    this.#resolve = resolve
  }

  /** Milliseconds from its coming by which it has to be answered. */
  get deadlineMs(): number {
    return this.#wait.deadlineMs ?? Number.POSITIVE_INFINITY
  }

  settle(answer: RunAnswer): void {
    if (this.settled) return
    this.settled = true
    this.release?.()
    try {
      this.#resolve(this.#reader.onResult(answer, this.work))
    } catch (cause) {
      this.#resolve(Promise.reject(cause))
    }
  }

  fail(error: SpillwayError): void {
    if (this.settled) return
    this.settled = true
    this.release?.()
    // In a turn of its own: who recovers may ask the scheduler again.
    this.#resolve(Promise.resolve().then(() => this.#reader.onError(error, this.work, this.#wait)))
  }
}

/** Milliseconds of waiting that one step of priority is worth. */
const priorityStepMs = 1_000

const levelOf = (priority: Priority) => priorities.indexOf(priority)

/** Requests of one model that one run can hold, by rank. */
export class RequestQueue<S extends BatchedModel = BatchedModel> {
  /** One queue a priority: within each the ranks rise, so the next is the lowest of three heads. */
  readonly #queues = priorities.map(() => new Fifo<Entry<S>>())
  #size = 0
  #rows = 0
  /** Requests that were dropped since the queues were last looked through. */
  #dropped = 0

  /** Requests that wait. */
  get size(): number {
    return this.#size
  }

  get rows(): number {
    return this.#rows
  }

  push(entry: Entry<S>, priority: Priority): void {
    this.#queues[levelOf(priority)]?.push(entry)
    this.#attach(entry)
  }

  /** Puts a request that has to be run again before all others. */
  unshift(entry: Entry<S>): void {
    this.#queues[0]?.unshift(entry)
    this.#attach(entry)
  }

  peek(): Entry<S> | undefined {
    return this.#next()?.peek()
  }

  shift(): Entry<S> | undefined {
    const entry = this.#next()?.shift()
    if (entry) this.#forget(entry)
    return entry
  }

  /** Takes the next, and the one after it, for as long as `takes` says so. */
  shiftWhile(takes: (entry: Entry<S>) => boolean): void {
    for (let queue = this.#next(); queue; queue = this.#next()) {
      const entry = queue.peek()
      if (!entry || !takes(entry)) return
      queue.shift()
      this.#forget(entry)
    }
  }

  /**
   * A request that was settled while it waited. It stays in its queue, unseen, until its turn comes or most there are
   * settled: what callers who left had sent is not kept for long.
   */
  drop(entry: Entry<S>): void {
    this.#forget(entry)
    if (++this.#dropped <= this.#size) return
    for (const queue of this.#queues) queue.keep(({ settled }) => !settled)
    this.#dropped = 0
  }

  #attach(entry: Entry<S>): void {
    entry.queue = this
    this.#size++
    this.#rows += entry.work.rows
  }

  #forget(entry: Entry<S>): void {
    entry.queue = undefined
    this.#size--
    this.#rows -= entry.work.rows
  }

  #next(): Fifo<Entry<S>> | undefined {
    let best: Fifo<Entry<S>> | undefined
    let lowest = Number.POSITIVE_INFINITY
    for (const queue of this.#queues) {
      let head = queue.peek()
      for (; head?.settled; head = queue.peek()) queue.shift()
      if (!head || head.rank >= lowest) continue
      best = queue
      lowest = head.rank
    }
    return best
  }
}

/** A queue whose ends cost the same however long it is. */
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

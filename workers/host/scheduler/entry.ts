import type { SpillwayError } from '../../../models/core/index.ts'
import type { RequestQueue } from './request-queue.ts'
import type { Turn, Turns } from './turns.ts'
import type { BatchedModel, ResultHandler, RunAnswer, WaitOptions, Work } from './work.ts'

/** What waits in a queue and runs in a batch: a request, or some rows of one. */
export abstract class Entry<S extends BatchedModel = BatchedModel> {
  readonly work: Work<S>
  readonly wait: WaitOptions
  /** Bytes of its inputs; 0 where they are not bounded. */
  readonly bytes: number
  /** Its place among those that wait; the lowest goes first. */
  readonly rank: number
  /** The moment on the clock by which it has to be answered. */
  readonly deadline: number
  /** Requests that its next batch may have: halved each time that its batch failed, so that a bad request ends up alone. */
  maxBatchSize: number
  /** Lanes that died while they ran it. */
  deaths = 0
  /** Where it waits; absent while it is in a lane. */
  queue: RequestQueue<S> | undefined
  /** Called when its caller left while it was in a lane. */
  onLeave: (() => void) | undefined
  settled = false
  /** Its caller's turn until it runs; absent where it has no caller. A request that runs again has used its turn. */
  turn: Turn | undefined
  /** Whether it is some rows of a request that was cut. */
  abstract readonly isPart: boolean
  /** Whether it has the last rows of its request. */
  abstract readonly isLast: boolean
  /** Whether its caller may leave. */
  abstract readonly canLeave: boolean

  constructor(work: Work<S>, wait: WaitOptions, bytes: number, turn: Turn | undefined, rank: number) {
    this.work = work
    this.wait = wait
    this.bytes = bytes
    this.rank = rank
    this.deadline = work.askedAt + this.deadlineMs
    this.turn = turn
    this.maxBatchSize = work.source.manifest.batchAxis === null ? 1 : Number.POSITIVE_INFINITY
  }

  /** Milliseconds that the caller allowed. */
  get deadlineMs(): number {
    return this.wait.deadlineMs ?? Number.POSITIVE_INFINITY
  }

  /** The request that it is, or is a part of. */
  abstract readonly whole: RequestEntry<S>

  /** @throws SpillwayError `rows_dependent` where the outputs of some rows do not fit those of the others. */
  abstract settle(answer: RunAnswer): void

  abstract fail(error: SpillwayError): void

  /** Whether it gives way to others between its parts. */
  get isLong(): boolean {
    const { turn } = this
    return this.isPart || (turn !== undefined && turn.end < turn.start + turn.cost / turn.weight)
  }

  /** Once it is settled it waits no longer, and its batch need not run for it. A run in a lane cannot be stopped. */
  leave(turns: Turns): void {
    if (this.queue) {
      this.queue.drop(this)
      if (this.turn) turns.giveBack(this.turn)
    }
    const { onLeave } = this
    this.onLeave = undefined
    onLeave?.()
  }
}

/** A request, from `submit` until it is settled. */
export class RequestEntry<S extends BatchedModel = BatchedModel> extends Entry<S> {
  /** Stops watching its deadline and its caller's signal; absent where it has neither. */
  release: (() => void) | undefined
  /** Its parts wait and run no longer; absent where it is not cut. */
  dropParts: (() => void) | undefined
  readonly #handler: ResultHandler<S, unknown>
  readonly #resolve: (outcome: unknown) => void

  constructor(
    work: Work<S>,
    wait: WaitOptions,
    bytes: number,
    turn: Turn | undefined,
    rank: number,
    handler: ResultHandler<S, unknown>,
    resolve: (outcome: unknown) => void,
  ) {
    super(work, wait, bytes, turn, rank)
    this.#handler = handler
    this.#resolve = resolve
  }

  override get isPart(): boolean {
    return false
  }

  override get isLast(): boolean {
    return true
  }

  override get canLeave(): boolean {
    return this.release !== undefined
  }

  override get whole(): this {
    return this
  }

  override settle(answer: RunAnswer): void {
    if (this.settled) return
    this.#end()
    try {
      this.#resolve(this.#handler.onResult(answer, this.work))
    } catch (cause) {
      this.#resolve(Promise.reject(cause))
    }
  }

  override fail(error: SpillwayError): void {
    if (this.settled) return
    this.#end()
    // In a turn of its own, because a handler may recover by asking this scheduler again.
    this.#resolve(Promise.resolve().then(() => this.#handler.onError(error, this.work, this.wait)))
  }

  #end(): void {
    this.settled = true
    this.release?.()
    this.dropParts?.()
  }
}

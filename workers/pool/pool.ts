import { SpillwayError, type Tensor } from '../../models/index.ts'
import { abortedBy } from '../bounded.ts'
import type { Clock } from '../clock.ts'
import type { Lane } from '../lane/lane.ts'
import type { LoadRequest } from '../lane/protocol.ts'
import { Slot } from './slot.ts'

/** A model as a lane can load it: asked for again for each lane that needs it. */
export interface SessionSource {
  /** Names model, version, variant and backend; the session's name in a lane. */
  readonly key: string
  request(): Promise<LoadRequest>
}

export interface Batch {
  readonly session: SessionSource
  /** Makes the tensors to send. Their buffers are given away, so a replay asks for them again. */
  readonly pack: () => Readonly<Record<string, Tensor>>
}

export interface BatchResult {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly queueMs: number
  readonly computeMs: number
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds from now within which it has to be answered. */
  readonly deadlineMs?: number | undefined
}

export interface PoolOptions {
  readonly lanes: number
  /** Threads of one lane's run. */
  readonly threads: number
  readonly startLane: (name: string) => Lane
  /** Past this number of waiting jobs, one more is refused as `overloaded`. */
  readonly maxQueued: number
  readonly clock: Clock
}

interface Job<T> {
  /** What has to be loaded for it; nothing for a job that only wants a lane. */
  readonly session: SessionSource | undefined
  readonly perform: (lane: Lane) => Promise<T>
  readonly queuedAt: number
  startedAt: number
  /** Lanes that died of it. */
  deaths: number
  settle(outcome: { value: T } | { error: SpillwayError }): void
}

/** Two lanes lost to one request is no accident: a third would only spread the harm. */
const maxDeaths = 2

/** Lanes and the jobs that wait for one. Each lane has one job at a time; a job whose lane dies is done again elsewhere. */
export class Pool {
  readonly #options: PoolOptions
  readonly #slots: Slot[]
  readonly #queue: Job<unknown>[] = []
  #running = 0
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.lanes }, (_, index) => new Slot(`lane-${index}`, options))
  }

  /** Jobs that wait. */
  get size(): number {
    return this.#queue.length
  }

  /** Jobs in lanes. */
  get pending(): number {
    return this.#running
  }

  get isSaturated(): boolean {
    return this.#queue.length >= this.#options.maxQueued
  }

  /** Whether some lane has the session loaded. */
  has(session: string): boolean {
    return this.#slots.some((slot) => slot.has(session))
  }

  /** Starts a lane, so that its runtime loads while a model still downloads. */
  async start(): Promise<void> {
    await this.#enqueue(undefined, {}, () => Promise.resolve())
  }

  /** Loads the model into one lane and runs it once, so that the first request finds it ready. */
  async prepare(session: SessionSource, wait: WaitOptions = {}): Promise<void> {
    await this.#enqueue(session, wait, () => Promise.resolve())
  }

  async run({ session, pack }: Batch, wait: WaitOptions = {}): Promise<BatchResult> {
    const { value, queueMs } = await this.#enqueue(session, wait, (lane) =>
      lane.run({ session: session.key, inputs: pack() }),
    )
    return { outputs: value.outputs, computeMs: value.computeMs, queueMs }
  }

  close(): void {
    this.#closed = true
    const reason = new SpillwayError('closed', 'The pool was closed')
    for (const job of this.#queue.splice(0)) job.settle({ error: reason })
    for (const slot of this.#slots) slot.close(reason)
  }

  #enqueue<T>(
    session: SessionSource | undefined,
    { signal, deadlineMs }: WaitOptions,
    perform: (lane: Lane) => Promise<T>,
  ): Promise<{ value: T; queueMs: number }> {
    const { clock } = this.#options
    const refusal = this.#refusal(signal)
    if (refusal) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const job: Job<T> = {
        session,
        perform,
        queuedAt: clock.now(),
        startedAt: clock.now(),
        deaths: 0,
        settle: (outcome) => {
          signal?.removeEventListener('abort', abort)
          cancel?.()
          if ('error' in outcome) reject(outcome.error)
          else resolve({ value: outcome.value, queueMs: job.startedAt - job.queuedAt })
        },
      }
      // What runs cannot be called back from its lane: its caller is let go, its result is dropped.
      const leave = (error: SpillwayError) => {
        const position = this.#queue.indexOf(job as Job<unknown>)
        if (position >= 0) this.#queue.splice(position, 1)
        job.settle({ error })
      }
      const abort = () => signal && leave(abortedBy(signal))
      signal?.addEventListener('abort', abort, { once: true })
      const cancel =
        deadlineMs === undefined
          ? undefined
          : clock.after(deadlineMs, () => leave(pastDeadline(deadlineMs, this.#queue.length)))
      this.#queue.push(job as Job<unknown>)
      this.#dispatch()
    })
  }

  #refusal(signal: AbortSignal | undefined): SpillwayError | undefined {
    if (signal?.aborted) return abortedBy(signal)
    if (this.#closed) return new SpillwayError('closed', 'The pool was closed')
    if (!this.isSaturated) return undefined
    return new SpillwayError('overloaded', 'Every lane is busy and the queue is full', {
      expected: `fewer than ${this.#options.maxQueued} waiting`,
      got: `${this.size} waiting, ${this.pending} running`,
      retryAfterMs: 1000,
      hint: 'Try again later, or send less at once.',
    })
  }

  /** Work-conserving: a job starts the moment a lane is free. */
  #dispatch(): void {
    while (this.#queue.length > 0) {
      const key = this.#queue[0]?.session?.key ?? ''
      const free = this.#slots.filter((slot) => !slot.isBusy)
      const slot = free.find((candidate) => candidate.has(key)) ?? free[0]
      const job = slot && this.#queue.shift()
      if (!job) return
      void this.#perform(slot, job)
    }
  }

  async #perform(slot: Slot, job: Job<unknown>): Promise<void> {
    this.#running++
    try {
      const value = await slot.use(job.session, (lane) => {
        job.startedAt = this.#options.clock.now()
        return job.perform(lane)
      })
      job.settle({ value })
    } catch (cause) {
      this.#settleFailure(job, SpillwayError.from(cause, 'internal', `${nameOf(job)} failed`))
    } finally {
      this.#running--
      this.#dispatch()
    }
  }

  #settleFailure(job: Job<unknown>, error: SpillwayError): void {
    if (error.code !== 'lane_lost' || this.#closed) {
      job.settle({ error })
      return
    }
    job.deaths++
    if (job.deaths < maxDeaths) {
      this.#queue.unshift(job)
      return
    }
    job.settle({
      error: new SpillwayError(
        'poisoned',
        `Two lanes died of one request to ${nameOf(job)}`,
        { got: error.message, hint: 'The request or the model is at fault; it is not tried again.' },
        { cause: error },
      ),
    })
  }
}

const nameOf = ({ session }: Job<unknown>) => session?.key ?? 'a lane'

const pastDeadline = (deadlineMs: number, queued: number) =>
  new SpillwayError('deadline_exceeded', 'The request was not answered in time', {
    expected: `an answer within ${deadlineMs} ms`,
    got: `none, with ${queued} more waiting`,
  })

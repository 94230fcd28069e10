import type { Clock } from '../../models/async/clock.ts'
import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import { queueHeader } from '../../models/protocols/oip.ts'
import type { Batch, BatchResult, Lanes } from '../../workers/host/scheduler/lanes.ts'
import type { Estimate } from '../../workers/host/scheduler/load-estimator.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SchedulerStats } from '../../workers/host/scheduler/stats.ts'
import type { BatchedModel, RunAnswer, WaitOptions, Work } from '../../workers/host/scheduler/work.ts'
import { Breaker } from './circuit-breaker.ts'
import { Extensions } from './extensions.ts'
import { type Inferred, infer } from './infer.ts'
import { ServerQueue } from './server-queue.ts'

/** Requests that a browser sends to one host at once over HTTP/1.1; one is left for what else the page loads. */
const connections = 5

/** Milliseconds that a server has where nobody sets a deadline. */
const timeoutMs = 30_000

/** Bytes of one request's inputs: so much is sent without making other requests wait long for the way. */
const binaryBytes = 4 * 2 ** 20

/** A number is up to five times as long in JSON, and this much is written without holding the page's thread up. */
const jsonBytes = 256 * 2 ** 10

/** The server tier: the same scheduler, whose lanes are connections. What waits for one goes in one request. */
export class RemoteTier {
  readonly breaker = new Breaker()
  readonly #scheduler: Scheduler<BatchedModel>
  readonly #queue: ServerQueue
  readonly #sources = new WeakMap<Manifest, BatchedModel>()

  constructor(server: URL, clock: Clock) {
    this.#queue = new ServerQueue(clock)
    const extensions = new Extensions(server, clock)
    this.#scheduler = new Scheduler({
      lanes: new Connections(server, clock, this.breaker, this.#queue, extensions),
      clock,
      maxQueued: 4_096,
      // What a server needs for one row is mostly the way there: so many rows as it takes well.
      targetMs: 1_000,
      // Learned with the first answer.
      get maxBatchBytes() {
        return extensions.binary ? binaryBytes : jsonBytes
      },
      afterTurn: (task) => queueMicrotask(task),
    })
  }

  submit(manifest: Manifest, work: Omit<Work, 'source'>, wait: WaitOptions): Promise<RunAnswer> {
    return this.#scheduler.submit({ ...work, source: this.#sourceOf(manifest) }, wait)
  }

  /** When the server would answer: the wait for a connection and on the server, the way there and the run. */
  estimate(manifest: Manifest, rows: number): Estimate {
    const { queueMs, runMs } = this.#scheduler.estimate(this.#sourceOf(manifest), rows)
    return { queueMs: queueMs + this.#queue.ms, runMs }
  }

  get isSaturated(): boolean {
    return this.#scheduler.isSaturated
  }

  stats(): SchedulerStats {
    return this.#scheduler.stats()
  }

  close(): void {
    this.#scheduler.close()
  }

  #sourceOf(manifest: Manifest): BatchedModel {
    let source = this.#sources.get(manifest)
    if (!source) {
      source = { key: `${manifest.id}@${manifest.version}`, manifest }
      this.#sources.set(manifest, source)
    }
    return source
  }
}

class Connections implements Lanes<BatchedModel> {
  readonly #server: URL
  readonly #clock: Clock
  readonly #breaker: Breaker
  readonly #queue: ServerQueue
  readonly #extensions: Extensions
  #open = 0

  constructor(server: URL, clock: Clock, breaker: Breaker, queue: ServerQueue, extensions: Extensions) {
    this.#server = server
    this.#clock = clock
    this.#breaker = breaker
    this.#queue = queue
    this.#extensions = extensions
  }

  count(): number {
    return connections
  }

  /** One at a time: what goes in one request costs its way there once. */
  free(): number {
    return this.#open < connections ? 1 : 0
  }

  shared(): boolean {
    return true
  }

  onFree(): void {}

  async run({ manifest }: BatchedModel, { pack, withinMs, signal }: Batch): Promise<BatchResult> {
    this.#open++
    const startedAt = this.#clock.now()
    try {
      const inputs = pack()
      const ask = (binary: boolean) =>
        infer(this.#server, manifest, inputs, {
          clock: this.#clock,
          signal,
          // A deadline is the scheduler's, which calls the exchange off: of two timers for it either might be first.
          timeoutMs: timeoutMs,
          withinMs: Math.min(withinMs, timeoutMs),
          binary,
          onHeaders: (headers) => this.#queue.tell(headers.get(queueHeader)),
        })
      const { outputs, backend, variant, queueMs, computeMs } = await this.#breaker.run(() => this.#ask(ask))
      return { outputs, executedOn: { backend, variant }, startedAt, waitedMs: queueMs, computeMs }
    } catch (cause) {
      // Or a server that is too slow for everybody's deadline would look as quick as one that was never asked.
      if (signal?.aborted || (cause instanceof SpillwayError && cause.code === 'server_timeout'))
        this.#queue.unanswered(this.#clock.now() - startedAt)
      throw cause
    } finally {
      this.#open--
    }
  }

  /** As JSON until the server is known to take more; what JSON cannot say waits for that. */
  async #ask(ask: (binary: boolean) => Promise<Inferred>): Promise<Inferred> {
    const { binary } = this.#extensions
    try {
      const answer = await ask(binary)
      // Not beside the first request, which has the way and the page's thread to itself.
      void this.#extensions.ask()
      return answer
    } catch (cause) {
      if (binary || !isUnsayable(cause) || !(await this.#extensions.ask())) throw cause
      return await ask(true)
    }
  }

  prepare(): Promise<void> {
    return Promise.resolve()
  }
}

const isUnsayable = (cause: unknown) =>
  cause instanceof SpillwayError && (cause.code === 'input_value_invalid' || cause.code === 'not_supported')

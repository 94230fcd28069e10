import { linkAbort } from '../../models/async/abort.ts'
import { Breaker } from '../../models/async/circuit-breaker.ts'
import type { Clock } from '../../models/async/clock.ts'
import { type Manifest, needsRowProof, SpillwayError } from '../../models/core/index.ts'
import { queueHeader } from '../../models/protocols/oip-names.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import type { Batch, BatchResult, Lanes } from '../../workers/host/scheduler/lanes.ts'
import type { Estimate } from '../../workers/host/scheduler/load-estimator.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SchedulerStats } from '../../workers/host/scheduler/stats.ts'
import type {
  BatchedModel,
  RunAnswer,
  Tensors,
  WaitOptions,
  Work,
} from '../../workers/host/scheduler/work.ts'
import type { Inferred, infer } from './oip-infer.ts'
import { noHeaders, type RequestHeaders } from './request-headers.ts'
import type { Extensions } from './server-extensions.ts'
import { ServerQueue } from './server-queue.ts'

/** A browser opens six connections to a host over HTTP/1.1; one is left to the page. */
const connections = 5

/** The server's time to answer a request without a deadline, or with a shorter one. */
const leastTimeoutMs = 30_000

/** The scheduler aborts a request at its deadline. A timer at the same moment might fire first, with another error. */
const afterDeadlineMs = 1_000

/** The most input bytes in one request: more would keep other requests waiting for the connection. */
const maxBinaryBytes = 4 * 2 ** 20

/** The same for JSON, in which a number is up to five times as long: writing it must not hold the page's thread. */
const maxJsonBytes = 256 * 2 ** 10

/** How exchanges reach the server: over HTTP, where a simulation does not carry them itself. */
export interface Transport {
  readonly infer: typeof infer
  readonly extensions: Pick<Extensions, 'binary' | 'discover'>
}

/**
 * The server tier: the device's scheduler, with connections for lanes. Requests that wait for a connection are sent as
 * one batch.
 */
export class RemoteTier {
  readonly breaker: Breaker
  readonly #scheduler: Scheduler<BatchedModel>
  readonly #connections: Connections
  readonly #queue: ServerQueue
  readonly #sources = new WeakMap<Manifest, BatchedModel>()

  /** @param maxQueued The most requests that wait for a connection. */
  constructor(
    server: URL,
    clock: Clock,
    transport: Transport,
    maxQueued = 4_096,
    headers: RequestHeaders = noHeaders,
  ) {
    const { extensions } = transport
    this.breaker = new Breaker(clock)
    this.#queue = new ServerQueue(clock)
    this.#connections = new Connections(server, clock, this.breaker, this.#queue, transport, headers)
    this.#scheduler = new Scheduler({
      lanes: this.#connections,
      clock,
      maxQueued,
      // Most of the time for one row is the round trip, so a batch is as large as the server runs well.
      targetMs: 1_000,
      // Known after the first answer.
      get maxBatchBytes() {
        return extensions.binary ? maxBinaryBytes : maxJsonBytes
      },
      afterTurn: (task) => queueMicrotask(task),
    })
  }

  submit(manifest: Manifest, work: Omit<Work, 'source'>, wait: WaitOptions): Promise<RunAnswer> {
    return this.#scheduler.submit({ ...work, source: this.#sourceOf(manifest) }, wait)
  }

  /** `queueMs`: the wait for a connection and on the server. `runMs`: the round trip and the run. */
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
    this.#connections.close()
  }

  #sourceOf(manifest: Manifest): BatchedModel {
    let source = this.#sources.get(manifest)
    if (!source) {
      source = { key: `${manifest.id}@${manifest.version}`, manifest: sharedOnlyIfProven(manifest) }
      this.#sources.set(manifest, source)
    }
    return source
  }
}

/** A server takes the rows of one request for one caller's: it cannot refuse to run them together. */
const sharedOnlyIfProven = (manifest: Manifest): Manifest =>
  needsRowProof(manifest) ? { ...manifest, batchAxis: null } : manifest

class Connections implements Lanes<BatchedModel> {
  readonly #server: URL
  readonly #clock: Clock
  readonly #breaker: Breaker
  readonly #queue: ServerQueue
  readonly #transport: Transport
  readonly #headers: RequestHeaders
  /** Of the requests in flight. */
  readonly #inFlight = new Set<AbortController>()
  #isClosed = false

  constructor(
    server: URL,
    clock: Clock,
    breaker: Breaker,
    queue: ServerQueue,
    transport: Transport,
    headers: RequestHeaders,
  ) {
    this.#server = server
    this.#clock = clock
    this.#breaker = breaker
    this.#queue = queue
    this.#transport = transport
    this.#headers = headers
  }

  count(): number {
    return connections
  }

  /** Offers one connection at a time: rows that share a request share its round trip. */
  free(): number {
    return this.#inFlight.size < connections ? 1 : 0
  }

  shared(): boolean {
    return true
  }

  onFree(): void {}

  async run(
    { manifest }: BatchedModel,
    { pack, outputs: names, withinMs, isOpenEnded, signal }: Batch,
  ): Promise<BatchResult> {
    const { controller, release } = linkAbort(signal)
    this.#inFlight.add(controller)
    const startedAt = this.#clock.now()
    const lastMs = Number.isFinite(withinMs) ? withinMs : 0
    try {
      const inputs = pack()
      const send = (binary: boolean) =>
        this.#transport.infer(this.#server, manifest, inputs, {
          clock: this.#clock,
          signal: controller.signal,
          timeoutMs: Math.max(leastTimeoutMs, lastMs + afterDeadlineMs),
          withinMs: isOpenEnded ? Math.max(leastTimeoutMs, lastMs) : lastMs,
          binary,
          outputs: names,
          pageHeaders: this.#headers,
          onHeaders: (headers) => this.#queue.report(headers.get(queueHeader)),
        })
      const { outputs, backend, variant, queueMs, computeMs } = await this.#breaker.run(() =>
        this.#send(inputs, send),
      )
      // Waiting in the server's queue is no cost of the rows.
      const costMs = Math.max(0, this.#clock.now() - startedAt - queueMs)
      return { outputs, executedOn: { backend, variant }, startedAt, waitedMs: queueMs, computeMs, costMs }
    } catch (cause) {
      if (this.#isClosed) throw closed()
      // Without this a server too slow for every deadline would look as fast as one that was never asked.
      if (signal?.aborted || (cause instanceof SpillwayError && cause.code === 'server_timeout'))
        this.#queue.unanswered(this.#clock.now() - startedAt)
      // The callers still wait: it was the server's own limit that passed.
      if (isPastDeadline(cause) && this.#clock.now() - startedAt < withinMs) throw stoppedByServer(cause)
      throw cause
    } finally {
      this.#inFlight.delete(controller)
      release()
    }
  }

  /** Sends JSON until the server is known to take binary tensors. Values that JSON has no numbers for wait for that. */
  async #send(inputs: Tensors, send: (binary: boolean) => Promise<Inferred>): Promise<Inferred> {
    const { extensions } = this.#transport
    const binary = extensions.binary || (needsBinary(inputs) && (await extensions.discover()))
    const answer = await send(binary)
    // After the first answer: nothing else may delay the first request.
    void extensions.discover()
    return answer
  }

  prepare(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {
    this.#isClosed = true
    for (const controller of this.#inFlight) controller.abort()
  }
}

const isPastDeadline = (cause: unknown): cause is SpillwayError =>
  cause instanceof SpillwayError && cause.code === 'deadline_exceeded'

/** Another place may answer a request that is not late. */
const stoppedByServer = (cause: SpillwayError) =>
  new SpillwayError(
    'server_timeout',
    `The server stopped the request before its deadline: ${cause.message}`,
    { hint: 'A Spillway server takes longer with a larger SPILLWAY_MAX_TIMEOUT_SECONDS.' },
    { cause },
  )

/** Whether JSON has no number for an element, such as NaN or a half float. */
const needsBinary = (inputs: Tensors): boolean =>
  Object.values(inputs).some(
    ({ type, data }) =>
      type === 'float16' ||
      ((data instanceof Float32Array || data instanceof Float64Array) &&
        data.some((element: number) => !Number.isFinite(element))),
  )

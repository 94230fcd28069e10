import type { Manifest } from '../../models/index.ts'
import { queueHeader } from '../../models/oip.ts'
import type { Clock } from '../../workers/clock.ts'
import type { Batch, BatchAnswer, Lanes } from '../../workers/scheduler/lanes.ts'
import { type Estimate, Scheduler } from '../../workers/scheduler/scheduler.ts'
import type { Answer, Source, WaitOptions, Work } from '../../workers/scheduler/work.ts'
import { Breaker } from './breaker.ts'
import { infer } from './infer.ts'
import { ServerQueue } from './queue.ts'

/** Requests that a browser sends to one host at once over HTTP/1.1; one is left for what else the page loads. */
const connections = 5

/** Milliseconds that a server has where nobody sets a deadline. */
const patience = 30_000

/** The server tier: the same scheduler, whose lanes are connections. What waits for one goes in one request. */
export class RemoteTier {
  readonly breaker = new Breaker()
  readonly #scheduler: Scheduler<Source>
  readonly #queue: ServerQueue
  readonly #sources = new WeakMap<Manifest, Source>()

  constructor(server: URL, clock: Clock) {
    this.#queue = new ServerQueue(clock)
    this.#scheduler = new Scheduler({
      lanes: new Connections(server, clock, this.breaker, this.#queue),
      clock,
      maxQueued: 4_096,
      // What a server needs for one row is mostly the way there: so many rows as it takes well.
      targetMs: 1_000,
      // A number is up to five times as long in JSON, and this much is written without holding the page's thread up.
      maxBatchBytes: 256 * 2 ** 10,
      afterTurn: (task) => queueMicrotask(task),
    })
  }

  submit(manifest: Manifest, work: Omit<Work, 'source'>, wait: WaitOptions): Promise<Answer> {
    return this.#scheduler.submit({ ...work, source: this.#sourceOf(manifest) }, wait)
  }

  /** When the server would answer: the wait for a connection and on the server, the way there and the run. */
  estimate(manifest: Manifest, rows: number): Estimate {
    const { queueMs, runMs } = this.#scheduler.estimate(this.#sourceOf(manifest), rows)
    return { queueMs: queueMs + this.#queue.ms, runMs }
  }

  close(): void {
    this.#scheduler.close()
  }

  #sourceOf(manifest: Manifest): Source {
    let source = this.#sources.get(manifest)
    if (!source) {
      source = { key: `${manifest.id}@${manifest.version}`, manifest }
      this.#sources.set(manifest, source)
    }
    return source
  }
}

class Connections implements Lanes<Source> {
  readonly #server: URL
  readonly #clock: Clock
  readonly #breaker: Breaker
  readonly #queue: ServerQueue
  #open = 0

  constructor(server: URL, clock: Clock, breaker: Breaker, queue: ServerQueue) {
    this.#server = server
    this.#clock = clock
    this.#breaker = breaker
    this.#queue = queue
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

  async run({ manifest }: Source, { pack, withinMs, signal }: Batch): Promise<BatchAnswer> {
    this.#open++
    try {
      const startedAt = this.#clock.now()
      const exchange = () =>
        infer(this.#server, manifest, pack(), {
          clock: this.#clock,
          signal,
          timeoutMs: Math.min(withinMs, patience),
          onHeaders: (headers) => this.#queue.tell(headers.get(queueHeader)),
        })
      const { outputs, backend, variant, queueMs, computeMs } = await this.#breaker.run(exchange)
      return { outputs, ranOn: { backend, variant }, startedAt, waitedMs: queueMs, computeMs }
    } finally {
      this.#open--
    }
  }

  prepare(): Promise<void> {
    return Promise.resolve()
  }
}

import type { Clock } from '../../models/async/clock.ts'
import type { CheckedInputs, SpillwayError } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import { BatchCounts, type ModelStats } from '../../workers/host/scheduler/stats.ts'
import type { CatalogueEntry } from '../inference/catalogue.ts'
import type { InferenceAnswer, ModelState } from '../inference/inference.ts'
import type { RequestWait } from '../inference/request-wait.ts'
import { RunCounts } from '../observability/run-counts.ts'
import { defaultMaxConcurrent, keyHeaders, type UpstreamConfig, urlsOf } from './config.ts'
import { retryAfterMs } from './errors.ts'
import { InFlightLimit } from './in-flight-limit.ts'
import type { Probe } from './replica.ts'
import { type Attempt, Replicas, type SendOptions } from './replicas.ts'

/** A model and the engine that runs it. */
export interface UpstreamModel {
  readonly entry: CatalogueEntry
  readonly config: UpstreamConfig
  readonly clock: Clock
  /** Headers of every request, such as its key. */
  readonly headers: Readonly<Record<string, string>>
}

/** How an engine is spoken to. */
export interface Protocol {
  /** Whether a replica is ready to run the model. */
  readonly probe: Probe
  /** Runs tensors. */
  run(send: Upstream['send'], inputs: CheckedInputs, wait: RequestWait): Promise<InferenceAnswer>
  /** Milliseconds that a new request would wait there, as far as it is known. */
  queueMs(): number
}

/** An engine that runs one model for this server: its replicas, and a bound on the requests in flight there. */
export class Upstream {
  readonly entry: CatalogueEntry
  readonly replicas: Replicas
  readonly counts = new RunCounts()
  readonly #protocol: Protocol
  readonly #limit: InFlightLimit
  readonly #batches = new BatchCounts()
  #isPrepared = false

  constructor(model: UpstreamModel, protocol: Protocol) {
    const { entry, config, clock } = model
    const name = entry.manifest.id
    this.entry = entry
    this.#protocol = protocol
    this.#limit = new InFlightLimit(name, config.maxConcurrent ?? defaultMaxConcurrent)
    this.replicas = new Replicas({ name, urls: urlsOf(config), clock, probe: protocol.probe })
  }

  /** Asks all replicas whether they are ready. @throws SpillwayError `lane_failed` where none is. */
  async prepare(): Promise<void> {
    try {
      await this.replicas.check()
    } finally {
      this.#isPrepared = true
    }
  }

  get state(): ModelState {
    if (!this.#isPrepared) return 'loading'
    return this.replicas.isReady ? 'ready' : 'failed'
  }

  get inFlight(): number {
    return this.#limit.inFlight
  }

  get queueMs(): number {
    return this.#protocol.queueMs()
  }

  /** The error with which a request would be refused now; undefined where it would be accepted. */
  refusal(caller: string | undefined): SpillwayError | undefined {
    const error = this.replicas.refusal() ?? this.#limit.refusal(caller, this.#expectedMs)
    if (error) this.counts.failed(error.code)
    return error
  }

  /** As `Replicas.send`, within the bound on requests in flight. @throws SpillwayError `overloaded` beyond it. */
  readonly send = <T>(
    attempt: Attempt<T>,
    { caller, ...options }: SendOptions & { readonly caller?: string | undefined },
  ): Promise<T> => {
    const refusal = this.#limit.refusal(caller, this.#expectedMs)
    if (refusal) return Promise.reject(refusal)
    const release = this.#limit.take(caller)
    return this.replicas.send(attempt, { ...options, onEnd: release })
  }

  async run(inputs: CheckedInputs, wait: RequestWait): Promise<InferenceAnswer> {
    const answer = await this.#protocol.run(this.send, inputs, wait)
    this.#batches.add(1, inputs.rows)
    return answer
  }

  stats(): ModelStats {
    const { id, version } = this.entry.manifest
    const { requests, rows, batches, largestBatch } = this.#batches
    return {
      session: `${id}@${version}/upstream`,
      queued: 0,
      queueMs: this.queueMs,
      requests,
      rows,
      batches,
      largestBatch,
      meanBatch: batches === 0 ? 0 : rows / batches,
    }
  }

  close(reason: SpillwayError = closed()): void {
    this.replicas.close(reason)
  }

  /** About when a place is free: half of the time that a request takes. */
  get #expectedMs(): number {
    const known = this.replicas.all.flatMap(({ latencyMs }) => latencyMs ?? [])
    return known.length === 0 ? retryAfterMs : Math.min(...known) / 2
  }
}

/** What a model's protocol needs to know. */
export const upstreamModel = (
  entry: CatalogueEntry,
  config: UpstreamConfig,
  clock: Clock,
): UpstreamModel => ({
  entry,
  config,
  clock,
  headers: keyHeaders(config),
})

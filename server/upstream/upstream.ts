import type { Clock } from '../../models/async/clock.ts'
import { type CheckedInputs, SpillwayError } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import { BatchCounts, type ModelStats } from '../../workers/host/scheduler/stats.ts'
import type { CallerShare } from '../../workers/host/scheduler/work.ts'
import type { Log } from '../http/request-log.ts'
import type { CatalogueEntry } from '../inference/catalogue.ts'
import type { InferenceAnswer, ModelState } from '../inference/inference.ts'
import { modelUnloaded } from '../inference/model-faults.ts'
import type { RequestWait } from '../inference/request-wait.ts'
import { RunCounts } from '../observability/run-counts.ts'
import { defaultMaxConcurrent, type UpstreamConfig, urlsOf } from './config.ts'
import { retryAfterMs } from './errors.ts'
import { InFlightLimit } from './in-flight-limit.ts'
import type { Probe, Replica } from './replica.ts'
import { type Attempt, Replicas, type SendOptions } from './replicas.ts'

/** A model and the engine that runs it. */
export interface UpstreamModel {
  readonly entry: CatalogueEntry
  readonly config: UpstreamConfig
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Headers of every request, such as its key. */
  readonly headers: Readonly<Record<string, string>>
}

/** How an engine is spoken to. */
export interface Protocol {
  /** Whether a replica is ready to run the model. */
  readonly probe: Probe
  /** Runs tensors; absent where the engine takes none. */
  run?(send: Upstream['send'], inputs: CheckedInputs, wait: RequestWait): Promise<InferenceAnswer>
  /** Milliseconds that a new request would wait there, as far as it is known. */
  queueMs(): number
}

/** An engine that runs one model for this server: its replicas, and a bound on the requests in flight there. */
export class Upstream {
  readonly model: UpstreamModel
  readonly replicas: Replicas
  readonly counts = new RunCounts()
  readonly #protocol: Protocol
  readonly #limit: InFlightLimit
  readonly #batches = new BatchCounts()
  /** Why it was not ready when it was asked last. */
  #failure: SpillwayError | undefined
  #state: 'loading' | 'asked' | 'unloaded' = 'loading'

  constructor(model: UpstreamModel, protocol: Protocol) {
    const { entry, config, clock, log } = model
    const name = entry.manifest.id
    const onChange = ({ isOut, name: replica, failure }: Replica) => {
      if (isOut)
        log.warn({ model: name, replica, reason: failure }, 'A replica gets no requests until it is ready')
      else log.info({ model: name, replica }, 'A replica is ready again')
    }
    this.model = model
    this.#protocol = protocol
    this.#limit = new InFlightLimit(name, config.maxConcurrent ?? defaultMaxConcurrent)
    this.replicas = new Replicas({ name, urls: urlsOf(config), clock, probe: protocol.probe, onChange })
  }

  /** Asks all replicas whether they are ready. @throws SpillwayError `lane_failed` where none is. */
  async prepare(): Promise<void> {
    this.#failure = undefined
    this.#state = 'loading'
    try {
      await this.replicas.check()
    } catch (cause) {
      this.#failure = SpillwayError.from(cause, 'lane_failed', 'The upstream could not be asked')
      throw cause
    } finally {
      // It may have been unloaded meanwhile.
      if (this.#state === 'loading') this.#state = 'asked'
    }
  }

  /** Refuses new requests until it is prepared again. */
  unload(): void {
    this.#state = 'unloaded'
  }

  get state(): ModelState {
    if (this.#state !== 'asked') return this.#state
    return this.replicas.isReady ? 'ready' : 'failed'
  }

  /** Why it is not ready; undefined where it is, or was not asked. */
  get failure(): SpillwayError | undefined {
    if (this.state !== 'failed') return undefined
    return this.replicas.refusal() ?? this.#failure
  }

  get inFlight(): number {
    return this.#limit.inFlight
  }

  get queueMs(): number {
    return this.#protocol.queueMs()
  }

  /** The error with which a request would be refused now; undefined where it would be accepted. */
  refusal(wait: CallerShare): SpillwayError | undefined {
    const error =
      this.#refuseTensors() ?? this.replicas.refusal() ?? this.#limit.refusal(wait, this.#expectedMs)
    if (error) this.counts.failed(error.code)
    return error
  }

  /** As `Replicas.send`, within the bound on requests in flight. @throws SpillwayError `overloaded` beyond it. */
  readonly send = <T>(
    attempt: Attempt<T>,
    { caller, weight, ...options }: SendOptions & CallerShare,
  ): Promise<T> => {
    const refusal = this.#refuseUnloaded() ?? this.#limit.refusal({ caller, weight }, this.#expectedMs)
    if (refusal) return Promise.reject(refusal)
    const release = this.#limit.take(caller)
    return this.replicas.send(attempt, { ...options, onEnd: release })
  }

  async run(inputs: CheckedInputs, wait: RequestWait): Promise<InferenceAnswer> {
    const refusal = this.#refuseTensors()
    if (refusal || !this.#protocol.run) throw refusal
    const answer = await this.#protocol.run(this.send, inputs, wait)
    this.#batches.add(1, inputs.rows)
    return answer
  }

  stats(): ModelStats {
    const { id, version } = this.model.entry.manifest
    const { requests, rows, batches, largestBatch } = this.#batches
    return {
      session: `${id}@${version}/upstream`,
      queued: 0,
      queueMs: this.queueMs,
      runMs: 0,
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

  #refuseUnloaded(): SpillwayError | undefined {
    return this.#state === 'unloaded' ? modelUnloaded(this.model.entry) : undefined
  }

  #refuseTensors(): SpillwayError | undefined {
    return this.#protocol.run ? this.#refuseUnloaded() : noTensors(this.model.entry)
  }

  /** About when a place is free: half of the time that a request takes. */
  get #expectedMs(): number {
    const known = this.replicas.all.flatMap(({ latencyMs }) => latencyMs ?? [])
    return known.length === 0 ? retryAfterMs : Math.min(...known) / 2
  }
}

/** Of a model whose engine takes texts only. */
export const noTensors = ({ manifest: { id } }: CatalogueEntry) =>
  new SpillwayError('not_supported', `${id} takes no tensors`, {
    hint: 'Its engine has the OpenAI API: send the request to /v1.',
  })

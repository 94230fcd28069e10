import type { Clock } from '../../models/async/clock.ts'
import type { SpillwayError } from '../../models/core/index.ts'
import { type Candidate, candidateKey, type Failure } from './candidate.ts'
import type { Conditions } from './decide-placement.ts'
import { FailedRuns } from './failed-runs.ts'
import { failureOf, failureScope, noFailures } from './failure-scope.ts'

/** Milliseconds for which a failed place is avoided, unless nothing else is left. */
const avoidMs = 30_000
/** The same after running out of memory: more is unlikely soon, and each attempt costs a load. */
const avoidAfterOutOfMemoryMs = 600_000
/** The same for a full server that names no time. */
const avoidOverloadedMs = 1_000

interface RecentFailure extends Failure {
  readonly until: number
}

/**
 * The recent failures of each model on the device and on the server. Every one is forgotten after a while, but for files
 * that the device's runtime cannot load or run: those stay so for as long as the page lives.
 */
export class Health {
  readonly #clock: Clock
  readonly #circuit: { readonly isClosed: boolean } | undefined
  /** When the server may be asked again, by model. */
  readonly #serverAvoidedUntil = new Map<string, number>()
  readonly #failedRuns: FailedRuns
  /** By model. A list is the same object until a failure is added or forgotten: decisions are memoized by it. */
  readonly #failures = new Map<string, readonly RecentFailure[]>()

  /** @param circuit The circuit breaker of the server, where there is one. */
  constructor(clock: Clock, circuit: { readonly isClosed: boolean } | undefined) {
    this.#clock = clock
    this.#circuit = circuit
    this.#failedRuns = new FailedRuns(clock)
  }

  serverState(model: string): Conditions['server'] {
    if (!this.#circuit) return 'absent'
    if (!this.#circuit.isClosed) return 'unavailable'
    // Called for every request: the clock is read only after a failure.
    if (this.#serverAvoidedUntil.size === 0) return 'available'
    return (this.#serverAvoidedUntil.get(model) ?? 0) > this.#clock.now() ? 'unavailable' : 'available'
  }

  /** The model's recent failures on the device. */
  deviceFailures(model: string): readonly Failure[] {
    // Called for every request: usually nothing has failed.
    if (this.#failures.size === 0) return noFailures
    const now = this.#clock.now()
    this.#filter(model, ({ until }) => until > now)
    return this.#failures.get(model) ?? noFailures
  }

  serverFailed(model: string, { code, detail }: SpillwayError): void {
    if (failureScope[code].server !== 'model') return
    const isFull = code === 'overloaded' || code === 'rate_limited'
    const ms = isFull ? (detail.retryAfterMs ?? avoidOverloadedMs) : avoidMs
    this.#serverAvoidedUntil.set(model, this.#clock.now() + Math.min(ms, avoidMs))
  }

  serverAnswered(model: string): void {
    if (this.#serverAvoidedUntil.size > 0) this.#serverAvoidedUntil.delete(model)
  }

  deviceFailed(model: string, candidate: Candidate, error: SpillwayError): void {
    const failure = failureOf(candidate, error)
    // A full queue concerns this request only: the estimates decide for the next one.
    if (failure.avoid === 'device') return
    const ms = failure.final
      ? Number.POSITIVE_INFINITY
      : failure.avoid === 'memory'
        ? avoidAfterOutOfMemoryMs
        : avoidMs
    this.#avoid(model, failure, ms)
  }

  /**
   * A run failed on the device, and another place answered the same inputs.
   *
   * @param askedAt When the request came.
   */
  deviceRunFailed(model: string, candidate: Candidate, error: SpillwayError, askedAt: number): void {
    const ms = this.#failedRuns.failed(model, candidate, askedAt)
    if (ms > 0) this.#avoid(model, failureOf(candidate, error), ms)
  }

  /** A run succeeded on a candidate, which a load alone does not show. */
  deviceRan(model: string, candidate: Candidate): void {
    this.#failedRuns.succeeded(model, candidate)
  }

  #avoid(model: string, failure: Failure, ms: number): void {
    this.deviceAnswered(model, failure)
    const failures = this.#failures.get(model) ?? []
    this.#failures.set(model, [...failures, { ...failure, until: this.#clock.now() + ms }])
  }

  deviceAnswered(model: string, candidate: Candidate): void {
    if (this.#failures.size > 0)
      this.#filter(model, (failure) => candidateKey(failure) !== candidateKey(candidate))
  }

  #filter(model: string, isKept: (failure: RecentFailure) => boolean): void {
    const failures = this.#failures.get(model)
    if (!failures || failures.every(isKept)) return
    const kept = failures.filter(isKept)
    if (kept.length === 0) this.#failures.delete(model)
    else this.#failures.set(model, kept)
  }
}

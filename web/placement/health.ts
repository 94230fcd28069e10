import type { Clock } from '../../models/async/clock.ts'
import type { ErrorCode, SpillwayError } from '../../models/core/index.ts'
import type { Conditions } from './decide.ts'
import { type Candidate, type Failure, placeKey } from './device-target.ts'
import { failureOf, nothingFailed } from './failure.ts'

/** Milliseconds for which a failure keeps requests away, unless nothing else is left. */
const restMs = 30_000
/** Memory that was too little will hardly be more soon, and to try again costs a load. */
const memoryRestMs = 600_000
/** A full server that does not say when to come back. */
const overloadMs = 1_000

/** Faults of one model on a server that is well. Whether the server is there at all is the circuit breaker's. */
const ofModel: ReadonlySet<ErrorCode> = new Set([
  'model_unknown',
  'model_invalid',
  'manifest_invalid',
  'file_missing',
  'file_truncated',
  'file_altered',
  'capacity_insufficient',
  'lane_failed',
  'overloaded',
])

interface Remembered extends Failure {
  readonly until: number
}

/** What failed lately. A failure is remembered for a while and never for good. */
export class Health {
  readonly #clock: Clock
  readonly #circuit: { readonly isClosed: boolean } | undefined
  /** When the server may be asked again, by model. */
  readonly #serverRests = new Map<string, number>()
  /** By model. A list is the same object until a failure is added or has passed. */
  readonly #failures = new Map<string, readonly Remembered[]>()

  /** @param circuit To the server, where there is one. */
  constructor(clock: Clock, circuit: { readonly isClosed: boolean } | undefined) {
    this.#clock = clock
    this.#circuit = circuit
  }

  server(model: string): Conditions['server'] {
    if (!this.#circuit) return 'absent'
    if (!this.#circuit.isClosed) return 'unavailable'
    // The clock is asked only after a failure: this is read for every request.
    if (this.#serverRests.size === 0) return 'available'
    return (this.#serverRests.get(model) ?? 0) > this.#clock.now() ? 'unavailable' : 'available'
  }

  /** Where on the device the model failed lately. */
  failed(model: string): readonly Failure[] {
    // Nearly always: this is asked for every request.
    if (this.#failures.size === 0) return nothingFailed
    const now = this.#clock.now()
    this.#keep(model, ({ until }) => until > now)
    return this.#failures.get(model) ?? nothingFailed
  }

  serverFailed(model: string, { code, detail }: SpillwayError): void {
    if (!ofModel.has(code)) return
    const rest = code === 'overloaded' ? (detail.retryAfterMs ?? overloadMs) : restMs
    this.#serverRests.set(model, this.#clock.now() + Math.min(rest, restMs))
  }

  serverAnswered(model: string): void {
    if (this.#serverRests.size > 0) this.#serverRests.delete(model)
  }

  deviceFailed(model: string, place: Candidate, error: SpillwayError): void {
    this.deviceAnswered(model, place)
    const failure = failureOf(place, error)
    // A full queue is a request's own misfortune: for the next one the estimates tell.
    if (failure.reach === 'device') return
    const until = this.#clock.now() + (failure.reach === 'memory' ? memoryRestMs : restMs)
    this.#failures.set(model, [...(this.#failures.get(model) ?? []), { ...failure, until }])
  }

  deviceAnswered(model: string, place: Candidate): void {
    if (this.#failures.size > 0) this.#keep(model, (failure) => placeKey(failure) !== placeKey(place))
  }

  #keep(model: string, wanted: (failure: Remembered) => boolean): void {
    const known = this.#failures.get(model)
    if (!known || known.every(wanted)) return
    const kept = known.filter(wanted)
    if (kept.length === 0) this.#failures.delete(model)
    else this.#failures.set(model, kept)
  }
}

import type { ErrorCode, SpillwayError } from '../../models/index.ts'
import type { Clock } from '../../workers/clock.ts'
import type { Live } from './decide.ts'
import { type Failure, type Place, placeKey } from './fit.ts'

/** Milliseconds for which a failure keeps requests away, unless nothing else is left. */
const serverRestMs = 5_000
const deviceRestMs = 30_000
/** Memory that was too little will hardly be more soon, and to try again costs a load. */
const memoryRestMs = 600_000

export const nothingFailed: readonly Failure[] = []

/** Faults of a variant and its files, and not of the backend. */
const ofVariant: ReadonlySet<ErrorCode> = new Set([
  'file_missing',
  'file_truncated',
  'file_altered',
  'model_invalid',
  'not_supported',
])

/** What a failure at a place says about others. */
export function failureOf({ backend, variant }: Place, { code, message }: SpillwayError): Failure {
  const reach = code === 'capacity_insufficient' ? 'memory' : ofVariant.has(code) ? 'variant' : 'backend'
  return { backend, variant, reach, why: message }
}

interface Remembered extends Failure {
  readonly until: number
}

/** What failed lately. A failure is remembered for a while and never for good. */
export class Health {
  readonly #clock: Clock
  readonly #hasServer: boolean
  #serverDownUntil = Number.NEGATIVE_INFINITY
  /** By model. A list is the same object until a failure is added or has passed. */
  readonly #failures = new Map<string, readonly Remembered[]>()

  constructor(clock: Clock, hasServer: boolean) {
    this.#clock = clock
    this.#hasServer = hasServer
  }

  get server(): Live['server'] {
    if (!this.#hasServer) return 'absent'
    // The clock is asked only after a failure: this is read for every request.
    const down = this.#serverDownUntil > 0 && this.#serverDownUntil > this.#clock.now()
    return down ? 'unavailable' : 'available'
  }

  /** Where on the device the model failed lately. */
  failed(model: string): readonly Failure[] {
    // Nearly always: this is asked for every request.
    if (this.#failures.size === 0) return nothingFailed
    const now = this.#clock.now()
    this.#keep(model, ({ until }) => until > now)
    return this.#failures.get(model) ?? nothingFailed
  }

  serverFailed(): void {
    this.#serverDownUntil = this.#clock.now() + serverRestMs
  }

  serverAnswered(): void {
    this.#serverDownUntil = Number.NEGATIVE_INFINITY
  }

  deviceFailed(model: string, place: Place, error: SpillwayError): void {
    this.deviceAnswered(model, place)
    const failure = failureOf(place, error)
    const until = this.#clock.now() + (failure.reach === 'memory' ? memoryRestMs : deviceRestMs)
    this.#failures.set(model, [...(this.#failures.get(model) ?? []), { ...failure, until }])
  }

  deviceAnswered(model: string, place: Place): void {
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

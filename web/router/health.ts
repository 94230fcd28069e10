import type { SpillwayError } from '../../models/index.ts'
import type { Clock } from '../../workers/clock.ts'
import type { DeviceBackend, Live } from './decide.ts'

/** Milliseconds for which a failure keeps requests away, unless nothing else is left. */
const serverRestMs = 5_000
const deviceRestMs = 30_000

const nothing: Live['failed'] = {}

/** What failed lately. A failure is remembered for a while and never for good. */
export class Health {
  readonly #clock: Clock
  readonly #hasServer: boolean
  #serverDownUntil = Number.NEGATIVE_INFINITY
  /** By model and backend. */
  readonly #failures = new Map<string, { why: string; until: number }>()

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

  /** The device's backends on which the model failed lately. */
  failed(model: string): Live['failed'] {
    // Nearly always: this is asked for every request.
    if (this.#failures.size === 0) return nothing
    const failed: Partial<Record<DeviceBackend, string>> = {}
    for (const backend of ['webgpu', 'wasm'] as const) {
      const failure = this.#failures.get(`${model}/${backend}`)
      if (failure && failure.until > this.#clock.now()) failed[backend] = failure.why
    }
    return failed
  }

  serverFailed(): void {
    this.#serverDownUntil = this.#clock.now() + serverRestMs
  }

  serverAnswered(): void {
    this.#serverDownUntil = Number.NEGATIVE_INFINITY
  }

  deviceFailed(model: string, backend: DeviceBackend, { message }: SpillwayError): void {
    this.#failures.set(`${model}/${backend}`, { why: message, until: this.#clock.now() + deviceRestMs })
  }

  deviceAnswered(model: string, backend: DeviceBackend): void {
    if (this.#failures.size > 0) this.#failures.delete(`${model}/${backend}`)
  }
}

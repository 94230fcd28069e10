import type { Backend, SpillwayError } from '../../models/index.ts'
import type { Clock } from '../../workers/clock.ts'
import type { Live } from './decide.ts'

/** Milliseconds for which a failure keeps requests away, unless nothing else is left. */
const serverRestMs = 5_000
const deviceRestMs = 30_000

/** What failed lately. A failure is remembered for a while and never for good. */
export class Health {
  readonly #clock: Clock
  readonly #hasServer: boolean
  #serverDownUntil = Number.NEGATIVE_INFINITY
  readonly #deviceFailures = new Map<string, { backend: Backend; why: string; until: number }>()

  constructor(clock: Clock, hasServer: boolean) {
    this.#clock = clock
    this.#hasServer = hasServer
  }

  serverFailed(): void {
    this.#serverDownUntil = this.#clock.now() + serverRestMs
  }

  serverAnswered(): void {
    this.#serverDownUntil = Number.NEGATIVE_INFINITY
  }

  deviceFailed(model: string, backend: Backend, { message }: SpillwayError): void {
    this.#deviceFailures.set(`${model}/${backend}`, {
      backend,
      why: message,
      until: this.#clock.now() + deviceRestMs,
    })
  }

  deviceAnswered(model: string, backend: Backend): void {
    this.#deviceFailures.delete(`${model}/${backend}`)
  }

  live(model: string): Live {
    const now = this.#clock.now()
    const failed: Partial<Record<Backend, string>> = {}
    for (const [key, { backend, why, until }] of this.#deviceFailures) {
      if (until > now && key === `${model}/${backend}`) failed[backend] = why
    }
    const down = this.#serverDownUntil > now
    return { server: this.#hasServer ? (down ? 'unavailable' : 'available') : 'absent', failed }
  }
}

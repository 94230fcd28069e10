import type { Live } from './decide.ts'

/** The device has to be so much later before requests go to the server, and earlier again before they come back. */
const spillAt = 1.3
const returnAt = 0.9

/** Milliseconds that a server is taken to need before it was ever asked. */
const unknownServerMs = 100

/** Whether one model's requests spill: with hysteresis, since both estimates swing. */
export class Balance {
  #spills = false

  /** The estimates where the request should spill, or nothing. */
  weigh(deviceMs: number, serverMs: number): Live['late'] {
    const server = serverMs || unknownServerMs
    this.#spills = deviceMs > server * (this.#spills ? returnAt : spillAt)
    return this.#spills ? { deviceMs, serverMs: server } : undefined
  }
}

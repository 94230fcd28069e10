import type { Estimate } from '../../workers/host/scheduler/load-estimator.ts'
import type { Conditions } from './decide.ts'

/** The device has to be later by a third before requests go to the server. */
const spillAt = 1.3

/**
 * Milliseconds by which the device may be later all the same: fewer nobody notices, and the server's are for what the
 * device cannot do. Half of them where requests spill already.
 */
const unnoticedMs = 100

/** The part of a deadline that may be given away so. */
const ofDeadline = 0.25

/** Milliseconds that a server is taken to need before it was ever asked. */
const unknownServerMs = 100

/** Requests that spill before an idle device is tried again: twice as many after each trial that changed nothing. */
const firstTrial = 8
const lastTrial = 512

/** What a trial may cost its request at most, in milliseconds. */
const trialMs = 500

/** Whether one model's requests spill: with hysteresis, since both estimates swing. */
export class SpillBalance {
  #spills = false
  #untilTrial = firstTrial
  #nextTrial = firstTrial

  /**
   * The estimates where the request should spill, or nothing.
   *
   * @param withinMs The request's deadline.
   */
  weigh(device: Estimate, server: Estimate, withinMs = Number.POSITIVE_INFINITY): Conditions['late'] {
    const deviceMs = device.queueMs + device.runMs
    const serverMs = server.queueMs + server.runMs || unknownServerMs
    const allowedMs = Math.min(unnoticedMs, withinMs * ofDeadline)
    this.#spills = this.#spills
      ? deviceMs > serverMs + allowedMs / 2
      : deviceMs > Math.max(serverMs * spillAt, serverMs + allowedMs)
    if (!this.#spills) {
      this.#untilTrial = this.#nextTrial = firstTrial
      return undefined
    }
    return this.#isTrial(device, withinMs) ? undefined : { deviceMs, serverMs }
  }

  /** What an idle device is known to need comes from a time when it may have been busy with other things. */
  #isTrial({ queueMs, runMs }: Estimate, withinMs: number): boolean {
    if (this.#untilTrial > 1) this.#untilTrial--
    else if (queueMs === 0 && runMs <= Math.min(trialMs, withinMs / 2)) {
      this.#nextTrial = this.#untilTrial = Math.min(lastTrial, this.#nextTrial * 2)
      return true
    }
    return false
  }
}

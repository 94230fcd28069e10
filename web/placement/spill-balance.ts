import type { Estimate } from '../../workers/host/scheduler/load-estimator.ts'
import type { SpillEstimate } from './decide-placement.ts'

/** Requests spill once the device takes this many times as long as the server. */
const spillRatio = 1.3

export interface SpillTolerance {
  /**
   * Milliseconds by which the device may be later without spilling: smaller differences cannot be noticed, so only the
   * overflow goes to a faster server. Half of it once requests spill.
   */
  readonly tolerableMs: number
  /** The longest request that may probe the device, in milliseconds. */
  readonly longestProbeMs: number
  /** Spilled requests before an idle device is probed again: doubled after each probe that changed nothing. */
  readonly firstProbeAfter: number
}

export const toleranceOfRuns: SpillTolerance = { tolerableMs: 100, longestProbeMs: 500, firstProbeAfter: 8 }

/** The tolerance's largest share of a deadline. */
const tolerableShare = 0.25

/** The estimate for a server that was never asked, in milliseconds. */
export const unknownServerMs = 100

/** The most spilled requests before an idle device is probed again. */
const longestProbeAfter = 512

/** Milliseconds past which a request of the device spills, while none does. */
export const spillAboveMs = (serverMs: number, toleranceMs: number): number =>
  Math.max(serverMs * spillRatio, serverMs + toleranceMs)

/** Whether one model's requests spill. It has hysteresis, since both estimates vary. */
export class SpillBalance {
  readonly #tolerance: SpillTolerance
  #isSpilling = false
  #untilProbe: number
  #probeAfter: number

  constructor(tolerance = toleranceOfRuns) {
    this.#tolerance = tolerance
    this.#untilProbe = this.#probeAfter = tolerance.firstProbeAfter
  }

  /**
   * The estimates where the request should spill, else undefined.
   *
   * @param deadlineMs The request's deadline, in milliseconds from now.
   */
  weigh(
    device: Estimate,
    server: Estimate,
    deadlineMs = Number.POSITIVE_INFINITY,
  ): SpillEstimate | undefined {
    const deviceMs = device.queueMs + device.runMs
    const serverMs = server.queueMs + server.runMs || unknownServerMs
    const toleranceMs = Math.min(this.#tolerance.tolerableMs, deadlineMs * tolerableShare)
    this.#isSpilling = this.#isSpilling
      ? deviceMs > serverMs + toleranceMs / 2
      : deviceMs > spillAboveMs(serverMs, toleranceMs)
    if (!this.#isSpilling) {
      this.#untilProbe = this.#probeAfter = this.#tolerance.firstProbeAfter
      return undefined
    }
    return this.#isProbe(device, deadlineMs) ? undefined : { deviceMs, serverMs }
  }

  /** Whether this request probes the device: its cost may have been measured while it was busy with other work. */
  #isProbe({ queueMs, runMs }: Estimate, deadlineMs: number): boolean {
    if (this.#untilProbe > 1) this.#untilProbe--
    else if (queueMs === 0 && runMs <= Math.min(this.#tolerance.longestProbeMs, deadlineMs / 2)) {
      this.#probeAfter = this.#untilProbe = Math.min(longestProbeAfter, this.#probeAfter * 2)
      return true
    }
    return false
  }
}

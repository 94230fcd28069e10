import type { Clock } from '../../../models/async/clock.ts'
import { zeroInputs } from '../../../models/core/axes.ts'
import { measure } from '../../../workers/host/scheduler/measure.ts'
import type { Scheduler } from '../../../workers/host/scheduler/scheduler.ts'
import type { DeviceSession } from '../device-session.ts'
import type { Calibrations } from './calibrations.ts'

export interface CalibratorOptions {
  readonly scheduler: Pick<Scheduler<DeviceSession>, 'size' | 'pending' | 'costOf' | 'seed' | 'submit'>
  readonly calibrations: Pick<Calibrations, 'keep' | 'writeBack'>
  /** Whether the session may run on made-up inputs. */
  readonly allowsWarmUp: (session: DeviceSession) => boolean
  /** Whether sequences are decoded or wait. */
  readonly isGenerating: () => boolean
  readonly clock: Clock
  /** Calls back when the page has nothing to do, or after `timeoutMs`; absent where the browser cannot tell. */
  readonly whenPageIdle: ((task: () => void, timeoutMs: number) => void) | undefined
}

/** Milliseconds without a request before a measurement: a visitor who draws or types makes the next one sooner. */
const quietMs = 400

/** Milliseconds after which a page that is never idle is measured all the same, if no request waits or runs. */
const pageIdleTimeoutMs = 2_000

/** Milliseconds after which a model that is always in use is not measured: its requests taught what runs cost. */
const giveUpMs = 60_000

/** Measures models that were never measured on this device, in times without requests, and keeps what requests add. */
export class Calibrator {
  readonly #options: CalibratorOptions
  #lastRequestAt = Number.NEGATIVE_INFINITY
  #cancelWait: () => void = () => {}
  #isClosed = false
  /** Measurements follow each other. */
  #last: Promise<void> = Promise.resolve()

  constructor(options: CalibratorOptions) {
    this.#options = options
  }

  /** A request came. */
  requested(at: number): void {
    this.#lastRequestAt = at
  }

  /**
   * Keeps what runs of a loaded model cost, and measures it at the next quiet time if that is not known.
   *
   * @param rows Rows of a run that should have been measured; requests may have taught the cost of fewer.
   */
  calibrate(session: DeviceSession, rows = 1): Promise<void> {
    const { scheduler, calibrations } = this.#options
    calibrations.keep(session.manifest, session, () => scheduler.costOf(session))
    this.#last = this.#last.then(() => this.#measure(session, rows))
    return this.#last
  }

  /**
   * Resolves to whether a model may be loaded that nobody waits for: when the page is quiet and idle, or after `busyMs`,
   * but not while sequences are decoded, since a load would hold their lane. A measurement that waits goes first.
   */
  async whenQuiet(busyMs: number): Promise<boolean> {
    const { clock, isGenerating } = this.#options
    const busyUntil = clock.now() + busyMs
    const quiet = this.#last.then(async () => {
      await this.#untilQuiet(() => clock.now() < busyUntil || isGenerating())
    })
    this.#last = quiet
    let cancel = () => {}
    const bound = new Promise<void>((resolve) => {
      cancel = clock.after(busyMs, resolve)
    })
    await Promise.race([quiet, bound])
    cancel()
    if (isGenerating()) await quiet
    return !this.#isClosed && !isGenerating()
  }

  close(): void {
    this.#isClosed = true
    this.#cancelWait()
  }

  async #measure(session: DeviceSession, rows: number): Promise<void> {
    const { scheduler, calibrations, clock } = this.#options
    const isUnknown = () => scheduler.costOf(session).largestRows < rows
    const isMeasurable = !session.manifest.generation && this.#options.allowsWarmUp(session)
    if (!isMeasurable || !(await this.#untilQuiet(isUnknown))) return
    const startedAt = clock.now()
    const measured = await measure(session.manifest, {
      backend: session.backend,
      isIdle: () => !this.#isClosed && this.#isIdle() && this.#lastRequestAt <= startedAt,
      run: async (rows) => {
        const inputs = zeroInputs(session.manifest, rows)
        if (!inputs) return undefined
        const work = { source: session, inputs, rows, askedAt: clock.now(), isWhole: true }
        // A failure only ends the measurement: a request will report it.
        const answer = await scheduler.submit(work, { priority: 'low' }).catch(() => undefined)
        return answer?.costMs
      },
    })
    if (measured) scheduler.seed(session, measured)
    await calibrations.writeBack()
  }

  /** Resolves to true when the page is quiet and idle; to false as soon as that is not needed any more, or too late. */
  async #untilQuiet(isNeeded: () => boolean): Promise<boolean> {
    const { clock, whenPageIdle } = this.#options
    const begunAt = clock.now()
    let quietSince = begunAt
    const needs = () => !this.#isClosed && clock.now() - begunAt < giveUpMs && isNeeded()
    while (needs()) {
      if (!this.#isIdle()) quietSince = clock.now()
      quietSince = Math.max(quietSince, this.#lastRequestAt)
      const leftMs = quietSince + quietMs - clock.now()
      if (leftMs > 0) await this.#wait(leftMs)
      else if (!whenPageIdle) return true
      else {
        await this.#whenPageIdle(whenPageIdle)
        if (this.#isIdle() && this.#lastRequestAt <= quietSince) return needs()
      }
    }
    return false
  }

  #isIdle(): boolean {
    const { scheduler, isGenerating } = this.#options
    return scheduler.size === 0 && scheduler.pending === 0 && !isGenerating()
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve)
      this.#cancelWait = () => {
        cancel()
        resolve()
      }
    })
  }

  /** The browser's own bound counts in hidden pages as well; the clock's is for one that does not keep it. */
  #whenPageIdle(whenPageIdle: (task: () => void, timeoutMs: number) => void): Promise<void> {
    const bound = this.#wait(2 * pageIdleTimeoutMs)
    whenPageIdle(this.#cancelWait, pageIdleTimeoutMs)
    return bound
  }
}

/** The browser's own, where it has one. */
export const browserIdle: CalibratorOptions['whenPageIdle'] =
  typeof requestIdleCallback === 'function'
    ? (task, timeout) => void requestIdleCallback(task, { timeout })
    : undefined

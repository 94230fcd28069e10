import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { LoadRequest } from '../../protocol/lane.ts'
import type { SessionSpec } from '../scheduler/work.ts'

/** Milliseconds until a session may be loaded again, by the times that its load failed for want of a lane. */
const delays = [10_000, 60_000, 300_000, 1_800_000]

/** A lane that was lost sooner than this after the load began is replaced at once, for a second attempt. */
const soonMs = 60_000

/** Reports what a session did to its lane, and what is done about it. */
export type ReportLoss = (session: string, message: string) => void

interface Losses {
  /** Whether a lane was lost in its warm-up. */
  isWarmUpFatal: boolean
  /** Set after a lane was lost as the session was created: some rewrites of graphs crash the runtime. */
  optimization: LoadRequest['optimization']
  /** Lanes lost in the present attempt. */
  lost: number
  /** Attempts that failed, one after the other. */
  failures: number
  /** On the clock. */
  mayLoadAt: number
}

/** What loads did to their lanes, by session, for as long as this page or process lives. */
export class LoadHistory {
  readonly #clock: Clock
  readonly #report: ReportLoss
  readonly #losses = new Map<string, Losses>()

  constructor(clock: Clock, report: ReportLoss) {
    this.#clock = clock
    this.#report = report
  }

  /** Whether the session may run on made-up inputs: none of its runs on them has cost a lane. */
  allowsWarmUp(session: string): boolean {
    return this.#losses.get(session)?.isWarmUpFatal !== true
  }

  /** Whether the last load of the session cost lanes: the next one is tried in a lane of its own. */
  isDangerous(session: string): boolean {
    return (this.#losses.get(session)?.failures ?? 0) > 0
  }

  optimizationOf(session: string): LoadRequest['optimization'] {
    return this.#losses.get(session)?.optimization
  }

  /** @throws SpillwayError `lane_failed` where its loads have cost lanes until a moment ago. */
  throwIfBackingOff(session: string): void {
    const waitMs = (this.#losses.get(session)?.mayLoadAt ?? 0) - this.#clock.now()
    if (waitMs <= 0) return
    throw new SpillwayError('lane_failed', `Loading ${session} has ended its lanes`, {
      got: 'another attempt too soon',
      retryAfterMs: Math.ceil(waitMs),
      hint: 'ONNX Runtime crashes on this model. Another variant of it may load.',
    })
  }

  loaded(session: string): void {
    const losses = this.#losses.get(session)
    if (!losses) return
    losses.lost = 0
    losses.failures = 0
    losses.mayLoadAt = 0
  }

  /** A lane was lost in the session's warm-up. The session itself was loaded. */
  lostInWarmUp(session: string, { message }: SpillwayError): void {
    this.#of(session).isWarmUpFatal = true
    this.#report(session, `It is loaded without a warm-up from now on, which ended its lane: ${message}`)
  }

  /**
   * A lane was lost while it created the session. A crash may be an accident, so a new lane tries once more.
   *
   * @throws SpillwayError `lane_failed` instead where it has tried already.
   */
  lostInLoad({ key, backend }: SessionSpec, begunAt: number, cause: SpillwayError): void {
    const losses = this.#of(key)
    const now = this.#clock.now()
    losses.lost++
    if (losses.lost === 1 && losses.failures === 0 && now - begunAt < soonMs) {
      if (backend !== 'webgpu') losses.optimization = 'extended'
      const how = losses.optimization ? ' with graphOptimizationLevel "extended"' : ''
      this.#report(key, `Another lane tries to load it${how}, as one was lost: ${cause.message}`)
      return
    }
    const delayMs = delays[Math.min(losses.failures, delays.length - 1)] ?? 0
    losses.mayLoadAt = now + delayMs
    losses.failures++
    // Not `lane_lost`: the model is at fault, so that its requests must not count as poisoned.
    const count = losses.lost === 1 ? 'A lane was' : 'Two lanes were'
    losses.lost = 0
    throw new SpillwayError(
      'lane_failed',
      `${count} lost while loading ${key}: ${cause.message}`,
      {
        retryAfterMs: delayMs,
        hint: cause.detail.hint ?? 'ONNX Runtime crashes on this model. Another variant of it may load.',
      },
      { cause },
    )
  }

  #of(session: string): Losses {
    let losses = this.#losses.get(session)
    if (!losses) {
      losses = { isWarmUpFatal: false, optimization: undefined, lost: 0, failures: 0, mayLoadAt: 0 }
      this.#losses.set(session, losses)
    }
    return losses
  }
}

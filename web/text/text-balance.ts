import type { Clock } from '../../models/async/clock.ts'
import type { Manifest } from '../../models/core/index.ts'
import { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import type { Calibrations } from '../device/calibration/calibrations.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { SpillEstimate } from '../placement/decide-placement.ts'
import { SpillBalance } from '../placement/spill-balance.ts'
import type { SegmentTimes } from './segment-times.ts'

/** Texts are read while they are written: a reader notices seconds, and a text that comes slower than this. */
const readingMsPerToken = 150

/** Longer times count as these, in milliseconds: the device may have been asleep. */
const longest = { firstMs: 15_000, perTokenMs: 1_000 }

/**
 * Texts stay on a device that is later than the server by less. Probes are rare, and may take as long as any text: a
 * measurement that was wrong must not keep a device from its texts for good.
 */
const tolerance = { tolerableMs: 2_000, longestProbeMs: Number.POSITIVE_INFINITY, firstProbeAfter: 32 }

/** Tokens of a text, before one has ended. */
const usualTokens = 64

/** A server that has written no text yet: milliseconds to its first token, and from one to the next. */
const unknownServer = { firstMs: 1_000, perTokenMs: 0 }

/** Milliseconds after which a server's slow texts no longer count: it may have had a queue. */
const serverForgetsMs = 60_000

/** Weight of a new text in the moving averages. */
const weight = 0.25

const moved = (mean: number, value: number) => mean + weight * (value - mean)

/** What texts cost in one session of the device: kept between visits, but for the share. */
interface DeviceSpeed {
  /** Milliseconds to the first token, by the tokens that were read for it. */
  prompt: CostCurve
  /** Of one token. */
  step: CostCurve
  /** Of the prompts: tokens that a slot held already. */
  cachedShare: number
  /** Whether the first text of this visit was written: on a GPU it compiled the model's shaders. */
  isWarm: boolean
}

export interface TextBalanceOptions {
  readonly manifest: Manifest
  readonly calibrations: Pick<Calibrations, 'curveOf' | 'keep'>
  readonly clock: Clock
}

/**
 * Whether the texts of one model spill to the server because the device is too slow for a reader, by what earlier texts
 * took on both. A device that was never measured there keeps its texts.
 */
export class TextBalance {
  readonly #options: TextBalanceOptions
  readonly #balance = new SpillBalance(tolerance)
  readonly #speeds = new Map<string, DeviceSpeed>()
  #server: { firstMs: number; leastFirstMs: number; perTokenMs: number; at: number } | undefined
  #tokens = usualTokens

  constructor(options: TextBalanceOptions) {
    this.#options = options
  }

  /** @param hasLeft Whether the text was ended before its end: then a missing token would have come later. */
  deviceWrote(session: DeviceSession, times: SegmentTimes, hasLeft: boolean): void {
    const speed = this.#speedOf(session)
    const { promptTokens, cachedTokens, perTokenMs } = times
    const firstMs = Math.min(times.firstMs, longest.firstMs)
    const read = Math.max(1, promptTokens - cachedTokens)
    const isLearned = times.hasBegun || (hasLeft && times.hasSlot && firstMs > speed.prompt.predict(read))
    if (!isLearned || promptTokens === 0) return
    const { isWarm } = speed
    speed.isWarm = true
    if (!isWarm) return
    const isNew = !speed.prompt.isKnown
    speed.prompt = learned(speed.prompt, read, firstMs)
    if (perTokenMs !== undefined)
      speed.step = learned(speed.step, 1, Math.min(perTokenMs, longest.perTokenMs))
    if (!hasLeft) {
      speed.cachedShare = moved(speed.cachedShare, cachedTokens / promptTokens)
      this.#tokens = moved(this.#tokens, times.tokens)
    }
    if (isNew) this.#keep(session, speed)
  }

  serverWrote(times: SegmentTimes, hasLeft: boolean): void {
    const { firstMs, perTokenMs = 0 } = times
    if (!times.hasBegun) return
    const before = this.#server ?? { firstMs, leastFirstMs: firstMs, perTokenMs }
    this.#server = {
      firstMs: moved(before.firstMs, firstMs),
      leastFirstMs: Math.min(before.leastFirstMs, firstMs),
      perTokenMs: moved(before.perTokenMs, perTokenMs),
      at: this.#options.clock.now(),
    }
    if (!hasLeft) this.#tokens = moved(this.#tokens, times.tokens)
  }

  /** The estimates where a text should spill, else undefined. */
  weigh(
    session: DeviceSession,
    promptTokens: number,
    maxTokens = Number.POSITIVE_INFINITY,
  ): SpillEstimate | undefined {
    const { prompt, step, cachedShare } = this.#speedOf(session)
    if (!prompt.isKnown) return undefined
    // A longer prompt takes at least as long as the longest that was read. More is not known: on a GPU most is fixed.
    const read = Math.min(promptTokens * (1 - cachedShare), prompt.largestRows)
    const server = this.#serverSpeed()
    const tokens = Math.min(this.#tokens, maxTokens)
    return this.#balance.weigh(
      { queueMs: 0, runMs: prompt.predict(read) + lagMs(tokens, step.predict(1)) },
      { queueMs: 0, runMs: server.firstMs + lagMs(tokens, server.perTokenMs) },
    )
  }

  #serverSpeed(): { readonly firstMs: number; readonly perTokenMs: number } {
    if (!this.#server) return unknownServer
    const { firstMs, leastFirstMs, perTokenMs, at } = this.#server
    const isOld = this.#options.clock.now() - at > serverForgetsMs
    return { firstMs: isOld ? leastFirstMs : firstMs, perTokenMs }
  }

  #speedOf(session: DeviceSession): DeviceSpeed {
    let speed = this.#speeds.get(session.key)
    if (!speed) {
      const { manifest, calibrations } = this.#options
      const [prompt = new CostCurve(), step = new CostCurve()] = curves.map((curve) =>
        calibrations.curveOf(manifest, curveName(session, curve)),
      )
      speed = { prompt, step, cachedShare: 0, isWarm: session.backend !== 'webgpu' }
      this.#speeds.set(session.key, speed)
      if (speed.prompt.isKnown) this.#keep(session, speed)
    }
    return speed
  }

  #keep(session: DeviceSession, speed: DeviceSpeed): void {
    const { manifest, calibrations } = this.#options
    for (const curve of curves) calibrations.keep(manifest, curveName(session, curve), () => speed[curve])
  }
}

/** A time can be too long by chance, not too short: a much shorter one than known replaces it. */
function learned(curve: CostCurve, rows: number, ms: number): CostCurve {
  const isWrong = rows * 2 > curve.largestRows && ms < curve.predict(rows) / 2
  const next = isWrong ? new CostCurve() : curve
  next.learn(rows, ms)
  return next
}

const curves = ['prompt', 'step'] as const

/** A name of its own among the curves of runs, by which variants are chosen. */
export const curveName = (
  { backend, variant }: Pick<DeviceSession, 'backend' | 'variant'>,
  curve: (typeof curves)[number],
) => ({ backend, variant: `${variant} ${curve}` })

/** Milliseconds that a reader waits for a text that is written slower than it is read. */
const lagMs = (tokens: number, perTokenMs: number) => tokens * Math.max(0, perTokenMs - readingMsPerToken)

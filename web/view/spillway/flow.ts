import type { Policy, Tier } from '../../../models/core/index.ts'
import type { RuntimeStats } from '../../api/stats.ts'
import { spillAboveMs, toleranceOfRuns, unknownServerMs } from '../../placement/spill-balance.ts'

/** What the picture of the spillway shows. */
export interface Flow {
  /** Requests that wait, on both tiers. */
  readonly waiting: number
  /** Milliseconds until the device would answer a request made now. */
  readonly deviceMs: number
  /** The wait at which requests spill; undefined where none may. */
  readonly crestMs: number | undefined
  /** `deviceMs` as a share of the crest, or of a wait that can be noticed where nothing may spill. */
  readonly level: number
  /** Answered so far. */
  readonly answered: Readonly<Record<Tier, number>>
  /** Answered a second, lately. */
  readonly perSecond: Readonly<Record<Tier, number>>
}

/** Policies under which a late device lets requests go to the server. */
const spills = (policy: Policy) => policy === 'auto'

/** Milliseconds over which rates are counted. */
const windowMs = 1_000

/** Turns a runtime's stats, as they come, into flows. */
export class FlowMeter {
  readonly #samples: { readonly at: number; readonly answered: Flow['answered'] }[] = []

  /**
   * @param at Milliseconds, on any clock.
   * @param policy The runtime's.
   */
  read(stats: RuntimeStats, policy: Policy, at: number): Flow {
    const answered = answeredBy(stats)
    this.#samples.push({ at, answered })
    // The newest sample that is older than the window is its start.
    while ((this.#samples[1]?.at ?? at) <= at - windowMs) this.#samples.shift()
    const [first] = this.#samples
    const seconds = Math.max(at - (first?.at ?? at), windowMs / 4) / 1_000
    const rate = (tier: Tier) => (answered[tier] - (first?.answered[tier] ?? 0)) / seconds
    const deviceMs = Math.max(0, ...stats.device.models.map(({ queueMs, runMs }) => queueMs + runMs))
    const crestMs = stats.server && spills(policy) ? crestOf(stats.server) : undefined
    return {
      waiting: stats.device.queued + (stats.server?.queued ?? 0),
      deviceMs,
      crestMs,
      level: deviceMs / (crestMs ?? spillAboveMs(unknownServerMs, toleranceOfRuns.tolerableMs)),
      answered,
      perSecond: { device: rate('device'), server: rate('server') },
    }
  }
}

function answeredBy({ placements }: RuntimeStats): Flow['answered'] {
  const answered = { device: 0, server: 0 }
  for (const { placement, requests } of placements) answered[placement.tier] += requests
  return answered
}

function crestOf({ models }: NonNullable<RuntimeStats['server']>): number {
  const serverMs = Math.max(0, ...models.map(({ queueMs, runMs }) => queueMs + runMs))
  return spillAboveMs(serverMs || unknownServerMs, toleranceOfRuns.tolerableMs)
}

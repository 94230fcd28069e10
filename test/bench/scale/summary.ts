import type { Policy } from '../../../models/core/index.ts'
import { plannedUse, prices } from './figures.ts'
import type { Kind } from './fleet.ts'
import { lanesOfReplica, oneOf, type Scenario } from './scenarios.ts'
import { type Report, type Span, simulate } from './simulate.ts'
import type { Tally } from './tally.ts'

/** The figures of one kind of request. Milliseconds are to the answer, of a text to its first token. */
export interface Figures {
  readonly asked: number
  readonly deviceShare: number
  readonly p50: number
  readonly p99: number
  /** Shares of what was asked. */
  readonly refused: number
  readonly left: number
}

export interface Moment extends Figures {
  readonly hour: number
  /** Replicas of the site that are fully at work. */
  readonly busy: Readonly<Record<Kind, number>>
}

/** A simulated scenario in figures of the site: plain data. */
export interface Summary {
  readonly name: string
  readonly policy: Policy
  readonly replicas: Readonly<Record<Kind, number>>
  /** Simulated. */
  readonly visitors: number
  readonly cpuSeconds: number
  readonly runs: Figures
  readonly texts: Figures
  /** Hours of replicas that the work needs, were they started and stopped as it comes and goes. */
  readonly hours: Readonly<Record<Kind, number>>
  readonly dollars: number
  readonly errors: Readonly<Record<string, number>>
  readonly moments: readonly Moment[]
}

export async function summarize(scenario: Scenario): Promise<Summary> {
  const { name, policy, replicas, fromMs, options } = scenario
  const before = process.cpuUsage()
  const report = await simulate(options)
  const { user, system } = process.cpuUsage(before)
  const { spanMs } = options
  const hours = { cpu: neededHours(report, 'cpu', spanMs), gpu: neededHours(report, 'gpu', spanMs) }
  return {
    name,
    policy,
    replicas,
    visitors: report.visitors,
    cpuSeconds: (user + system) / 1e6,
    runs: figuresOf(report.runs),
    texts: figuresOf(report.texts),
    hours,
    dollars: hours.cpu * prices.cpu + hours.gpu * prices.gpu,
    errors: Object.fromEntries(report.total.errors),
    moments: report.spans.map((span) => ({
      ...figuresOf(span.tally),
      hour: (fromMs + span.fromMs) / 3_600_000,
      busy: { cpu: busyReplicas(span, 'cpu', spanMs), gpu: busyReplicas(span, 'gpu', spanMs) },
    })),
  }
}

const figuresOf = ({ asked, deviceShare, latency, refusedShare, left }: Tally): Figures => ({
  asked,
  deviceShare,
  p50: latency.percentile(0.5),
  p99: latency.percentile(0.99),
  refused: refusedShare,
  left: left / asked,
})

const busyReplicas = ({ busyMs }: Span, kind: Kind, spanMs: number): number =>
  (busyMs[kind] * oneOf) / spanMs / (kind === 'cpu' ? lanesOfReplica : 1)

const neededHours = ({ spans }: Report, kind: Kind, spanMs: number): number =>
  spans.reduce(
    (sum, span) => sum + (Math.ceil(busyReplicas(span, kind, spanMs) / plannedUse) * spanMs) / 3_600_000,
    0,
  )

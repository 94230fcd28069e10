import type { Policy } from '../../../models/core/index.ts'
import { deviceClasses } from './figures.ts'
import type { Kind } from './fleet.ts'
import type { Random } from './random.ts'
import type { SimulationOptions } from './simulate.ts'
import { type Workload, workloads } from './workload.ts'

/**
 * One of so many visitors is simulated, before as large a part of the replicas: the code of a whole million takes a core
 * several minutes. Reports count what is simulated; figures for the site multiply it.
 */
export const oneOf = 4

const hour = 3_600_000
const minute = 60_000
const day = 24 * hour

const visitorsADay = 1e6

/** The share by which the busiest hour exceeds the mean, and the quietest falls below it. */
const swing = 0.6
const busiestHour = 20

/** Of the visitors, on an ordinary day: the model is in the browser's storage. */
const keptShare = 0.4

/** The replicas of the site: multiples of `oneOf`, and of `2 * oneOf` where both regions have as many. */
export const fleets = {
  /** For policy `auto` on an ordinary day. */
  auto: { cpu: 8, gpu: 16 },
  /** For policy `server`. */
  server: { cpu: 8, gpu: 24 },
  none: { cpu: 0, gpu: 0 },
  /** Half the cores for the same visitors. */
  few: { cpu: 4, gpu: 24 },
} as const satisfies Record<string, Record<Kind, number>>

/** Of a replica without a GPU: it has one core. */
export const lanesOfReplica = 1

export interface Scenario {
  readonly name: string
  readonly policy: Policy
  /** Of the site. */
  readonly replicas: Readonly<Record<Kind, number>>
  /** When it begins and ends, in milliseconds of the day. */
  readonly fromMs: number
  readonly toMs: number
  readonly options: SimulationOptions
}

type Change = Partial<Pick<SimulationOptions, 'failsToLoad' | 'faults' | 'keptShare'>> & {
  readonly fromMs?: number
  readonly toMs?: number
  readonly spanMs?: number
  /** Times the visitors of an ordinary day, from the scenario's begin. */
  readonly crowd?: (ms: number) => number
  readonly mostCrowd?: number
}

/** Visitors a millisecond that are simulated, at a moment of the day. */
const ordinaryRate = (ms: number): number =>
  ((visitorsADay / day) * (1 + swing * Math.cos((2 * Math.PI * (ms / hour - busiestHour)) / 24))) / oneOf

function scenario(
  name: string,
  policy: Policy,
  replicas: Readonly<Record<Kind, number>>,
  { fromMs = 0, toMs = day, spanMs = 15 * minute, crowd = () => 1, mostCrowd = 1, ...change }: Change = {},
): Scenario {
  const options: SimulationOptions = {
    seed: 20_260_000,
    policy,
    workloads,
    deviceClasses,
    lengthMs: toMs - fromMs,
    rate: (ms) => ordinaryRate(fromMs + ms) * crowd(ms),
    mostRate: ((visitorsADay / day) * (1 + swing) * mostCrowd) / oneOf,
    keptShare: () => keptShare,
    replicas: { cpu: replicas.cpu / oneOf, gpu: replicas.gpu / oneOf },
    lanes: lanesOfReplica,
    spanMs,
    serverRunMs,
    ...change,
  }
  return { name, policy, replicas, fromMs, toMs, options }
}

/** Milliseconds of a server's run vary a little. */
function serverRunMs({ runs: { cpu } }: Workload, rows: number, random: Random): number {
  return cpu ? (cpu.fixedMs + cpu.rowMs * rows) * random.logNormal(1.1) : 0
}

/** What happens in the evening happens in these two hours, after 30 minutes. */
const evening = { fromMs: 19 * hour, toMs: 21 * hour, spanMs: minute }
const startsAt = 30 * minute
const isWithin = (ms: number, length: number) => ms >= startsAt && ms < startsAt + length

/** Eight times the visitors for a quarter of an hour, who were never here before. */
const crowdMs = 15 * minute
const flashCrowd: Change = {
  ...evening,
  crowd: (ms) => (isWithin(ms, crowdMs) ? 8 : 1),
  mostCrowd: 8,
  keptShare: (ms) => (isWithin(ms, crowdMs) ? 0.05 : keptShare),
}

/** Half of the replicas are gone for half an hour. */
const outageMs = 30 * minute
const regionLost: Change = {
  ...evening,
  faults: [
    { ms: startsAt, happen: (fleet) => fleet.loseRegion(1) },
    { ms: startsAt + outageMs, happen: (fleet) => fleet.restoreRegion(1) },
  ],
}

/** A release whose sessions cannot be created on WebGPU, until it is taken back. */
const badRelease: Change = {
  ...evening,
  failsToLoad: (backend, ms) => backend === 'webgpu' && isWithin(ms, outageMs),
}

export const scenarios: readonly Scenario[] = [
  scenario('ordinary day', 'auto', fleets.auto),
  scenario('ordinary day', 'server', fleets.server),
  scenario('ordinary day', 'device', fleets.none),
  scenario('flash crowd', 'auto', fleets.auto, flashCrowd),
  scenario('flash crowd', 'server', fleets.server, flashCrowd),
  scenario('few servers', 'auto', fleets.few, flashCrowd),
  scenario('few servers', 'server', fleets.few, flashCrowd),
  scenario('region lost', 'auto', fleets.auto, regionLost),
  scenario('region lost', 'server', fleets.server, regionLost),
  scenario('bad release', 'auto', fleets.auto, badRelease),
  scenario('bad release', 'device', fleets.none, badRelease),
]

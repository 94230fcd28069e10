import type { Backend, Policy } from '../../../models/core/index.ts'
import { EventClock } from './event-clock.ts'
import type { DeviceClass } from './figures.ts'
import { Fleet, type FleetOptions, type Kind } from './fleet.ts'
import { Random, withSeededMath } from './random.ts'
import { Tally } from './tally.ts'
import { Visitor } from './visitor.ts'
import type { Workload } from './workload.ts'

export interface SimulationOptions extends Pick<FleetOptions, 'replicas' | 'lanes' | 'admitsAll'> {
  readonly seed: number
  readonly policy: Policy
  readonly workloads: readonly Workload[]
  readonly deviceClasses: readonly DeviceClass[]
  /** Milliseconds in which visitors arrive. */
  readonly lengthMs: number
  /** Visitors a millisecond at a moment, and the most that it ever is. */
  readonly rate: (ms: number) => number
  readonly mostRate: number
  /** The share of visitors whose browser keeps the model from an earlier visit, at a moment. */
  readonly keptShare: (ms: number) => number
  /** Milliseconds of a lane of a server for a run. */
  readonly serverRunMs: (workload: Workload, rows: number, random: Random) => number
  /** Whether sessions on a backend fail to load at a moment. */
  readonly failsToLoad?: (backend: Backend, ms: number) => boolean
  /** Faults, by when they happen. */
  readonly faults?: readonly { readonly ms: number; readonly happen: (fleet: Fleet) => void }[]
  /** Milliseconds of one span of the series. */
  readonly spanMs: number
}

/** What happened in one span of time. */
export interface Span {
  readonly fromMs: number
  readonly tally: Tally
  /** Milliseconds that replicas of each kind worked. */
  readonly busyMs: Readonly<Record<Kind, number>>
}

export interface Report {
  readonly visitors: number
  readonly events: number
  /** Of all requests. */
  readonly total: Tally
  /** Of requests for tensors, and of texts. */
  readonly runs: Tally
  readonly texts: Tally
  readonly byModel: ReadonlyMap<string, Tally>
  readonly byClass: ReadonlyMap<string, Tally>
  readonly spans: readonly Span[]
  readonly busyMs: Readonly<Record<Kind, number>>
}

/** Milliseconds after which every visitor has left. */
const settlingMs = 3_600_000

/** Lets visitors arrive for a while, and waits until the last one has left. The same seed gives the same report. */
export const simulate = (options: SimulationOptions): Promise<Report> =>
  withSeededMath(options.seed, () => new Simulation(options).run())

class Simulation {
  readonly #options: SimulationOptions
  readonly #clock = new EventClock()
  /** Streams of their own, so that a fault or a policy does not change who comes. */
  readonly #arrivals: Random
  readonly #serving: Random
  readonly #fleet: Fleet
  readonly #total = new Tally()
  readonly #runs = new Tally()
  readonly #texts = new Tally()
  readonly #byModel = new Map<string, Tally>()
  readonly #byClass = new Map<string, Tally>()
  readonly #spans: Span[] = []
  #span = new Tally()
  #visitors = 0
  #busyBefore: Record<Kind, number> = { cpu: 0, gpu: 0 }
  #fault: { readonly cause: unknown } | undefined

  constructor(options: SimulationOptions) {
    const { seed, replicas, lanes, admitsAll, serverRunMs } = options
    this.#options = options
    this.#arrivals = new Random(seed)
    this.#serving = new Random(seed + 1)
    const clock = this.#clock
    const runMs: FleetOptions['runMs'] = (workload, rows) => serverRunMs(workload, rows, this.#serving)
    this.#fleet = new Fleet({ clock, random: new Random(seed + 2), replicas, lanes, admitsAll, runMs })
  }

  async run(): Promise<Report> {
    const { lengthMs, spanMs, faults = [] } = this.#options
    const clock = this.#clock
    this.#planArrival()
    for (const { ms, happen } of faults) clock.after(ms, () => happen(this.#fleet))
    for (let fromMs = 0; fromMs < lengthMs; fromMs += spanMs) {
      await clock.run(Math.min(lengthMs, fromMs + spanMs))
      this.#endSpan(fromMs)
    }
    await clock.run(lengthMs + settlingMs)
    if (this.#fault) throw this.#fault.cause
    return {
      visitors: this.#visitors,
      events: clock.happened,
      total: this.#total,
      runs: this.#runs,
      texts: this.#texts,
      byModel: this.#byModel,
      byClass: this.#byClass,
      spans: this.#spans,
      busyMs: this.#busyMs(),
    }
  }

  #busyMs(): Record<Kind, number> {
    return { cpu: this.#fleet.busyMs('cpu'), gpu: this.#fleet.busyMs('gpu') }
  }

  #endSpan(fromMs: number): void {
    const before = this.#busyBefore
    const now = this.#busyMs()
    const busyMs = { cpu: now.cpu - before.cpu, gpu: now.gpu - before.gpu }
    this.#spans.push({ fromMs, tally: this.#span, busyMs })
    this.#span = new Tally()
    this.#busyBefore = now
  }

  /** A Poisson process whose rate changes: arrivals at the highest rate, of which only a share counts. */
  #planArrival(): void {
    const { lengthMs, rate, mostRate } = this.#options
    const random = this.#arrivals
    let at = this.#clock.now()
    do {
      at += random.exponential(1 / mostRate)
    } while (at < lengthMs && random.next() * mostRate >= rate(at))
    if (at >= lengthMs) return
    this.#clock.after(at - this.#clock.now(), () => {
      this.#arrive()
      this.#planArrival()
    })
  }

  #arrive(): void {
    const { workloads, deviceClasses, policy, keptShare, failsToLoad = () => false } = this.#options
    const random = this.#arrivals
    const clock = this.#clock
    const workload = random.pick(workloads)
    const deviceClass = random.pick(deviceClasses)
    const ofModel = tallyOf(this.#byModel, workload.manifest.id)
    const ofClass = tallyOf(this.#byClass, deviceClass.name)
    const ofKind = workload.texts ? this.#texts : this.#runs
    const visitor = new Visitor({
      workload,
      deviceClass,
      factor: random.logNormal(1.25),
      isKept: random.next() < keptShare(clock.now()),
      failsToLoad: (backend) => failsToLoad(backend, clock.now()),
      caller: `visitor ${this.#visitors++}`,
      policy,
      clock,
      random: new Random(Math.floor(random.next() * 2 ** 32)),
      fleet: this.#fleet,
      tallies: () => [this.#total, ofKind, ofModel, ofClass, this.#span],
    })
    visitor.run().catch((cause: unknown) => {
      this.#fault ??= { cause }
    })
  }
}

function tallyOf(tallies: Map<string, Tally>, key: string): Tally {
  let tally = tallies.get(key)
  if (!tally) {
    tally = new Tally()
    tallies.set(key, tally)
  }
  return tally
}

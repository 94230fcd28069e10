import type { Clock } from '../../../models/async/clock.ts'
import { type Backend, type Manifest, SpillwayError, type Variant } from '../../../models/core/index.ts'
import type { Capacity } from '../../../web/device/capacity.ts'
import { DeviceSession, generateLimits } from '../../../web/device/device-session.ts'
import type { Costs } from '../../../web/placement/candidate.ts'
import type { TierClients } from '../../../web/placement/dispatcher.ts'
import { curveName, type TextBalanceOptions } from '../../../web/text/text-balance.ts'
import { CostCurve } from '../../../workers/host/scheduler/cost-curve.ts'
import type { Estimate } from '../../../workers/host/scheduler/load-estimator.ts'
import { Scheduler } from '../../../workers/host/scheduler/scheduler.ts'
import type { ResultHandler, WaitOptions, Work } from '../../../workers/host/scheduler/work.ts'
import { SequenceScheduler } from '../../../workers/host/text/sequence-scheduler.ts'
import { emptyGraph } from '../../support/empty-graph.ts'
import { type DeviceClass, runtimeBytes, type TextCost } from './figures.ts'
import { SimulatedDecoder } from './simulated-decoder.ts'
import { SimulatedLanes } from './simulated-lanes.ts'
import { delay } from './visitor-clock.ts'
import { runCostOn, textCostOn, type Workload } from './workload.ts'

export interface DeviceProfile {
  readonly deviceClass: DeviceClass
  readonly workload: Workload
  /** Of this device among those of its class. */
  readonly factor: number
  /** Whether an earlier visit kept the model's files and its measurements. */
  readonly isKept: boolean
  /** Whether sessions on a backend fail to load, as of now. */
  readonly failsToLoad: (backend: Backend) => boolean
}

/** Milliseconds without a request before a model is measured, and until a page is quiet. */
const quietMs = 400

/** Rows that are measured, and the longest run of a measurement: as `web/device/calibration` does. */
const measuredRows = [1, 8, 64]
const longestRunMs = 100

export const capacityOf = ({ gpuFactor, memoryBudget }: DeviceClass): Capacity => ({
  gpu:
    gpuFactor === undefined
      ? null
      : {
          vendor: 'simulated',
          architecture: '',
          software: false,
          features: ['shader-f16'],
          maxBufferSize: 2 ** 31,
          maxStorageBufferBindingSize: 2 ** 30,
        },
  wasm: { simd: true, jspi: true, threads: 1 },
  workers: true,
  memoryBudget,
  storage: null,
})

/** The device tier of one visitor: the device's scheduler over simulated lanes, and downloads that take their time. */
export class SimulatedDevice {
  readonly #clock: Clock
  readonly #profile: DeviceProfile
  readonly #scheduler: Scheduler<DeviceSession>
  readonly #sessions = new Map<string, DeviceSession>()
  readonly #preparing = new Map<DeviceSession, Promise<void>>()
  readonly #ready = new Set<DeviceSession>()
  readonly #kept = new Set<string>()
  readonly #generators = new Map<DeviceSession, SequenceScheduler>()
  #hasRuntime: boolean
  #onReady: (session: DeviceSession) => void = () => {}

  constructor(clock: Clock, profile: DeviceProfile) {
    this.#clock = clock
    this.#profile = profile
    this.#hasRuntime = profile.isKept
    // As `DeviceTier` sets it up.
    this.#scheduler = new Scheduler({
      lanes: new SimulatedLanes(clock, 1, ({ backend }, rows) => this.#runMs(backend, rows)),
      clock,
      maxQueued: 65_536,
      targetMs: 100,
      maxBatchBytes: 256 * 2 ** 20,
      afterTurn: (task) => queueMicrotask(task),
    })
  }

  /** What the router uses. */
  get tier(): TierClients['device'] {
    return {
      session: (manifest, variant, backend) => this.#session(manifest, variant, backend),
      isReady: (session) => this.#ready.has(session),
      isLoaded: (session) => this.#ready.has(session),
      onReady: (callback) => {
        this.#onReady = callback
      },
      calibrate: (session) => this.#calibrate(session),
      prepare: (session) => this.#prepare(session),
      unload: async (session) => {
        this.#ready.delete(session)
      },
      hasRoomFor: () => true,
      whenQuiet: async (busyMs) => {
        await delay(this.#clock, Math.min(busyMs, quietMs))
        return true
      },
      submit: <T, W extends WaitOptions>(
        work: Work<DeviceSession>,
        options: W,
        handler: ResultHandler<DeviceSession, T, W>,
      ) => this.#scheduler.submit(work, options, handler),
      estimate: (session, rows): Estimate => this.#scheduler.estimate(session, rows),
      finishMs: (session, rows) => this.#scheduler.finishMs(session, rows),
      costOf: (session) => this.#scheduler.costOf(session),
      isSaturated: false,
    }
  }

  /** What an earlier visit has measured, by `candidateKey`. */
  costs(): Costs {
    const { workload, isKept } = this.#profile
    if (!isKept || workload.texts) return {}
    const costs: Record<string, CostCurve> = {}
    for (const variant of workload.manifest.variants)
      for (const backend of variant.backends ?? [])
        if (workload.runs[backend] && backend !== 'cpu')
          costs[`${backend}/${variant.id}`] = this.#measured(backend)
    return costs
  }

  /** What an earlier visit has learned of texts. */
  get textCalibrations(): TextBalanceOptions['calibrations'] {
    const { workload, isKept } = this.#profile
    const { promptTokens = 1 } = workload.texts ?? {}
    const kept = new Map<string, CostCurve>()
    const keep = ({ backend, variant }: ReturnType<typeof curveName>, rows: number, ms: number) =>
      kept.set(`${backend}/${variant}`, CostCurve.from([{ rows, ms }]))
    for (const { id: variant, backends = [] } of isKept ? workload.manifest.variants : [])
      for (const backend of backends) {
        const cost = this.#textCost(backend)
        if (!cost) continue
        const at = { backend, variant }
        keep(curveName(at, 'prompt'), promptTokens, cost.fixedMs + cost.promptMs * promptTokens)
        keep(curveName(at, 'step'), 1, cost.stepMs)
      }
    return { curveOf: (_manifest, { backend, variant }) => kept.get(`${backend}/${variant}`), keep: () => {} }
  }

  /** The generator of a loaded language model. */
  generator(session: DeviceSession): SequenceScheduler {
    let generator = this.#generators.get(session)
    if (!generator) {
      const cost = this.#textCost(session.backend)
      const { generation: spec } = session.manifest
      if (!cost || !spec) throw new SpillwayError('not_supported', `${session.key} generates no text`)
      const decoder = new SimulatedDecoder(this.#clock, cost, generateLimits(0).slots)
      generator = new SequenceScheduler({
        session: session.key,
        spec,
        lease: async () => ({ lane: decoder, release: () => {} }),
        executedOn: session,
        slots: generateLimits(0).slots,
        maxWaiting: 1_024,
        clock: this.#clock,
      })
      this.#generators.set(session, generator)
    }
    return generator
  }

  #textCost(backend: Backend): TextCost | undefined {
    const { workload, deviceClass, factor } = this.#profile
    const cost = textCostOn(deviceClass, workload, backend)
    return cost && { ...cost, stepMs: cost.stepMs * factor, promptMs: cost.promptMs * factor }
  }

  #runMs(backend: Backend, rows: number): number {
    const { deviceClass, workload, factor } = this.#profile
    const { fixedMs, rowMs } = runCostOn(deviceClass, workload, backend)
    return (fixedMs + rowMs * rows) * factor
  }

  #session(manifest: Manifest, variant: Variant, backend: Backend): DeviceSession {
    const key = `${variant.id}/${backend}`
    let session = this.#sessions.get(key)
    if (!session) {
      session = new DeviceSession(manifest, variant, backend, emptyGraph)
      this.#sessions.set(key, session)
      if (this.#profile.isKept) this.#scheduler.seed(session, this.#measured(backend))
    }
    return session
  }

  #prepare(session: DeviceSession): Promise<void> {
    let preparing = this.#preparing.get(session)
    if (!preparing) {
      preparing = this.#load(session).catch((cause: unknown) => {
        this.#preparing.delete(session)
        throw cause
      })
      this.#preparing.set(session, preparing)
    }
    return preparing
  }

  async #load(session: DeviceSession): Promise<void> {
    const { deviceClass, workload, factor, isKept, failsToLoad } = this.#profile
    const { variant, backend } = session
    let bytes = this.#hasRuntime ? 0 : runtimeBytes
    if (!isKept && !this.#kept.has(variant))
      bytes += session.files.files.reduce((sum, { size }) => sum + size, 0)
    if (bytes > 0)
      await delay(this.#clock, deviceClass.roundTripMs + (8 * bytes) / (deviceClass.megabits * 1_000))
    this.#hasRuntime = true
    this.#kept.add(variant)
    await delay(this.#clock, workload.startMs * deviceClass.cpuFactor * factor)
    if (failsToLoad(backend))
      throw new SpillwayError('lane_failed', `The session could not be created on ${backend}`)
    this.#ready.add(session)
    void this.#calibrate(session)
    this.#onReady(session)
  }

  async #calibrate(session: DeviceSession): Promise<void> {
    const { workload } = this.#profile
    if (workload.texts || this.#scheduler.costOf(session).isKnown) return
    await delay(this.#clock, quietMs)
    if (!this.#scheduler.costOf(session).isKnown)
      this.#scheduler.seed(session, this.#measured(session.backend))
  }

  #measured(backend: Backend): CostCurve {
    const points = measuredRows.map((rows) => ({ rows, ms: this.#runMs(backend, rows) }))
    return CostCurve.from(points.filter(({ ms, rows }) => rows === 1 || ms <= longestRunMs))
  }
}

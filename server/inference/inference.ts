import type { Clock } from '../../models/async/clock.ts'
import { type Backend, type CheckedInputs, SpillwayError } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import type { ReportLoss } from '../../workers/host/pool/load-history.ts'
import { type LanePlace, Pool, type PoolStats } from '../../workers/host/pool/pool.ts'
import { Admission } from '../../workers/host/scheduler/admission.ts'
import * as cutting from '../../workers/host/scheduler/cut-request.ts'
import { entriesToDisplace } from '../../workers/host/scheduler/displaced-entries.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SchedulerStats } from '../../workers/host/scheduler/stats.ts'
import type { RunAnswer, SessionSpec, WaitOptions } from '../../workers/host/scheduler/work.ts'
import type { GenerateLimits } from '../../workers/host/text/generate-setup.ts'
import { leaseLane } from '../../workers/host/text/lease-lane.ts'
import type { TokenGenerator } from '../../workers/host/text/types.ts'
import { LaneCounts } from '../observability/lane-counts.ts'
import { RunCounts } from '../observability/run-counts.ts'
import type { CatalogueEntry } from './catalogue.ts'
import type { Drafts } from './drafts.ts'
import { DeviceHealth, type DeviceState } from './gpu/device-health.ts'
import { defaultDevice, layoutsOf } from './gpu/devices.ts'
import { BackendMeasurements } from './gpu/measure-backends.ts'
import { type Measured, ModelBackends } from './gpu/model-backends.ts'
import type { GpuReports } from './gpu/reports.ts'
import { isLaneFault, modelUnloaded } from './model-faults.ts'
import { ModelSessions } from './model-sessions.ts'
import { type RequestWait, remainingMs } from './request-wait.ts'
import { retireModel } from './retire-model.ts'
import { defaultGenerateLimits } from './session-spec.ts'

export interface Inference {
  /** Queues the inputs and runs them in a batch. @throws SpillwayError `overloaded`, `deadline_exceeded`, `aborted`; else as the run does. */
  run(entry: CatalogueEntry, inputs: CheckedInputs, wait: RequestWait): Promise<InferenceAnswer>
  /** The error with which a request would be refused now; undefined where it would be accepted. */
  refusal(entry: CatalogueEntry, wait: WaitOptions): SpillwayError | undefined
  /** Loads the model into a lane and runs it once, so that the first request need not wait. */
  prepare(entry: CatalogueEntry): Promise<void>
  /**
   * Decodes sequences of a language model: with the preferred variant where this server's backend runs it.
   *
   * @throws SpillwayError `not_supported` for another model.
   */
  generator(entry: CatalogueEntry, preferredVariant?: string): TokenGenerator
  /** Tokens that a text of the model may have here, prompt included; 0 where it writes none. */
  contextOf(entry: CatalogueEntry): number
  state(entry: CatalogueEntry): ModelState
  /** Requests that wait and run now, batches so far, lanes and memory. */
  stats(): SchedulerStats & PoolStats
  /** Milliseconds that a request made now would wait for a lane. */
  queueMs(entry: CatalogueEntry): number
  /** What the model's runs took since the start. */
  runCounts(entry: CatalogueEntry): RunCounts
  readonly laneCounts: LaneCounts
  /** Milliseconds for which no lane has started although one was needed. */
  withoutLaneMs(): number
  /** Tries to start a lane again where none could be started. */
  restartLanes(): void
  /** The GPUs that its backends may use, and their losses. */
  gpuStates(): readonly DeviceState[]
  /** What the model's runs took on each backend that it may run on; nothing where there is one only. */
  measured(entry: CatalogueEntry): readonly Measured[]
  /** Why the model could not be loaded; undefined where it was not tried, or it could. */
  failure(entry: CatalogueEntry): SpillwayError | undefined
  /** Unloads a model that is no longer offered, once its last request has been answered. */
  retire(entry: CatalogueEntry): void
  /** Refuses the model's new requests until it is prepared again, and frees its memory as `retire` does. */
  unload(entry: CatalogueEntry): void
  /** @param reason The error of requests in progress, and of later ones. */
  close(reason?: SpillwayError): void
}

/** The answer of a lane, or of an upstream. */
export interface InferenceAnswer extends RunAnswer {
  /** The upstream's replica that gave it. */
  readonly replica?: string
}

/** `ready`: the model has loaded once; a lane that loses it loads it again. `unloaded`: on demand. */
export type ModelState = 'loading' | 'ready' | 'failed' | 'unloaded'

export interface InferenceOptions {
  /** The backends that work on this machine. Of several, each model gets the one that is measured to be the fastest for it. */
  readonly backends: readonly Backend[]
  /** GPUs, over which the lanes of each GPU backend are spread. Default: one, chosen by the runtime. */
  readonly devices?: readonly string[]
  /** Bytes for all models on each GPU. Default: as many as in all lanes. */
  readonly deviceMemory?: number | undefined
  /** CPU cores that all lanes together may use. */
  readonly cores: number
  /** Bytes for all models in all lanes together. */
  readonly memoryBudget: number
  /** What may wait for each model. */
  readonly queue: QueueLimits
  /** Sequences that share a decode step, and bytes for keys and values, for each model. */
  readonly generateLimits?: GenerateLimits
  readonly drafts?: Drafts
  readonly startLane: (name: string, place: LanePlace) => Lane
  readonly clock: Clock
  /** Told of sessions whose loads cost lanes. */
  readonly onLoss?: ReportLoss
  readonly gpuReports?: GpuReports
}

/** What may wait for one model; one more is refused as `overloaded`. */
export interface QueueLimits {
  /** Requests, and texts. */
  readonly requests: number
  /** Rows and bytes of the requests' tensors. */
  readonly rows?: number
  readonly bytes?: number
  /** Tokens of the texts' prompts. */
  readonly tokens?: number
  /** Milliseconds of work that may wait after an idle moment; absent: any. See `Admission`. */
  readonly burstMs?: number
  /** Milliseconds until its slot that a text may have to expect; absent: any. */
  readonly textStartMs?: number
}

/** Milliseconds that one run should take at most. */
const targetMs = 100

/** Runs the server's models in a pool of lanes, which are child processes in production. */
export function createInference(options: InferenceOptions): Inference {
  const { clock, cores, queue, memoryBudget, deviceMemory, startLane, onLoss, gpuReports } = options
  const { generateLimits = defaultGenerateLimits, devices = [defaultDevice] } = options
  const laneCounts = new LaneCounts()
  const health = new DeviceHealth({
    devices,
    clock,
    onSuspend: (device, forMs) => gpuReports?.onSuspend(device, forMs),
    onResume: (device) => {
      gpuReports?.onResume(device)
      sessions.returnToGpu()
    },
  })
  const backends = new ModelBackends(options.backends, health)
  const pool = new Pool({
    layouts: (backend) => layoutsOf(backend, cores, devices.length),
    devices: (backend) => (backend === 'cpu' ? [] : devices),
    deviceMemory,
    deviceUse: (device) => health.useOf(device),
    memoryBudget,
    startLane: (name, place) => health.watch(laneCounts.watch(startLane(name, place)), place.device),
    clock,
    ...(onLoss && { onLoss }),
  })
  const scheduler = new Scheduler<SessionSpec>({
    lanes: pool,
    clock,
    maxQueued: queue.requests,
    maxQueuedRows: queue.rows,
    maxQueuedBytes: queue.bytes,
    targetMs,
    cutting: () => cutting,
    displace: entriesToDisplace,
    admission: queue.burstMs === undefined ? undefined : new Admission({ clock, burstMs: queue.burstMs }),
    maxBatchBytes: 256 * 2 ** 20,
    afterTurn: setImmediate,
  })
  const states = new WeakMap<CatalogueEntry, ModelState>()
  const failures = new WeakMap<CatalogueEntry, SpillwayError>()
  const sessions: ModelSessions = new ModelSessions({
    backends,
    generateLimits,
    drafts: options.drafts,
    memoryBudget: Math.min(memoryBudget, deviceMemory ?? memoryBudget),
    queue,
    lease: (session) => leaseLane(scheduler, pool, session),
    suspensions: () => health.suspensions,
    clock,
  })
  const counts = new WeakMap<CatalogueEntry, RunCounts>()

  const countsOf = (entry: CatalogueEntry): RunCounts => {
    const own = counts.get(entry) ?? new RunCounts()
    counts.set(entry, own)
    return own
  }

  const unloadedError = (entry: CatalogueEntry): SpillwayError | undefined =>
    states.get(entry) === 'unloaded' ? modelUnloaded(entry) : undefined

  /** @param isUnloaded Whether the model may be prepared again. */
  const retire = (entry: CatalogueEntry, isUnloaded = false): void => {
    retireModel(
      {
        isWanted: () => isUnloaded && states.get(entry) !== 'unloaded',
        isInUse: () =>
          sessions
            .allOf(entry)
            .some(({ key }) =>
              scheduler.stats().models.some(({ session, queued }) => session === key && queued > 0),
            ) || sessions.hasTexts(entry),
        unload: async () => {
          const retired = sessions.allOf(entry)
          await Promise.all(retired.map((spec) => pool.unload(spec)))
          if (retired.some((spec) => pool.has(spec))) return false
          sessions.forget(entry)
          return true
        },
      },
      clock,
    )
  }

  const measurements = new BackendMeasurements({
    backends,
    scheduler,
    specOf: (entry, backend) => sessions.specOf(entry, backend),
    generatorOf: (entry, backend) => sessions.textsOf(entry, backend),
    unload: (spec) => pool.unload(spec),
    slots: generateLimits.slots,
    clock,
    onMeasured: gpuReports?.onMeasured,
  })

  return {
    generator: (entry, preferredVariant) => {
      const unloaded = unloadedError(entry)
      if (unloaded) throw unloaded
      return sessions.textsOf(entry, undefined, preferredVariant)
    },
    contextOf: (entry) => sessions.contextOf(entry),
    runCounts: countsOf,
    laneCounts,
    run: async (entry, { tensors, rows, outputs }, wait) => {
      const now = clock.now()
      const askedAt = wait.askedAt ?? now
      try {
        remainingMs(wait, now)
        const unloaded = unloadedError(entry)
        if (unloaded) throw unloaded
        const source = sessions.specOf(entry)
        const { suspensions } = health
        const work = { source, inputs: tensors, rows, outputs, askedAt }
        let answer: RunAnswer
        try {
          answer = await scheduler.submit(work, wait)
        } catch (cause) {
          // Its GPU was lost once too often while it waited or ran.
          const elsewhere = sessions.specOf(entry)
          if (health.suspensions === suspensions || !isLaneFault(cause)) throw cause
          answer = await scheduler.submit({ ...work, source: elsewhere }, wait)
        }
        countsOf(entry).succeeded(askedAt, rows, answer)
        // The files of a model that failed at start-up may have been repaired since.
        if (states.get(entry) !== 'unloaded') states.set(entry, 'ready')
        return answer
      } catch (cause) {
        const code = cause instanceof SpillwayError ? cause.code : 'internal'
        countsOf(entry).failed(code, clock.now() - askedAt)
        throw cause
      }
    },
    refusal: (entry, wait) => {
      const spec = sessions.specOrFault(entry)
      const refused = spec instanceof SpillwayError ? spec : scheduler.refusal(spec, wait)
      const error = unloadedError(entry) ?? refused
      if (error) countsOf(entry).failed(error.code)
      return error
    },
    prepare: async (entry) => {
      states.set(entry, 'loading')
      try {
        if (backends.candidatesOf(entry).length > 1) await measurements.measure(entry)
        await scheduler.prepare(sessions.specOf(entry))
        if (states.get(entry) !== 'unloaded') states.set(entry, 'ready')
      } catch (cause) {
        if (states.get(entry) !== 'unloaded') states.set(entry, 'failed')
        failures.set(
          entry,
          SpillwayError.from(cause, 'lane_failed', `${entry.manifest.id} could not be loaded`),
        )
        throw cause
      }
    },
    queueMs: (entry) => {
      const spec = sessions.specOrFault(entry)
      // Nothing waits for a model that cannot run here: requests for it are told why.
      return spec instanceof SpillwayError ? 0 : scheduler.estimate(spec, 1).queueMs
    },
    state: (entry) => states.get(entry) ?? 'loading',
    failure: (entry) => (states.get(entry) === 'failed' ? failures.get(entry) : undefined),
    stats: () => ({ ...scheduler.stats(), ...pool.stats() }),
    retire,
    unload: (entry) => {
      states.set(entry, 'unloaded')
      retire(entry, true)
    },
    withoutLaneMs: () => pool.withoutLaneMs,
    restartLanes: () => pool.prestart(health.isOut ? 'cpu' : (options.backends[0] ?? 'cpu')),
    gpuStates: () => health.states(),
    measured: (entry) => backends.measuredOf(entry),
    close: (reason) => {
      sessions.close(reason)
      scheduler.close(reason)
      pool.close(reason)
    },
  }
}

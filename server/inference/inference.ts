import type { Clock } from '../../models/async/clock.ts'
import { type Backend, type CheckedInputs, SpillwayError, type Variant } from '../../models/core/index.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { type Layout, layoutsFor } from '../../workers/host/pool/lane-layout.ts'
import type { ReportLoss } from '../../workers/host/pool/load-history.ts'
import { Pool, type PoolStats } from '../../workers/host/pool/pool.ts'
import { Admission } from '../../workers/host/scheduler/admission.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SchedulerStats } from '../../workers/host/scheduler/stats.ts'
import type { RunAnswer, SessionSpec, WaitOptions } from '../../workers/host/scheduler/work.ts'
import { type GenerateLimits, notLanguage } from '../../workers/host/text/generate-setup.ts'
import { leaseLane } from '../../workers/host/text/lease-lane.ts'
import { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import type { TokenGenerator } from '../../workers/host/text/types.ts'
import { LaneCounts } from '../observability/lane-counts.ts'
import { RunCounts } from '../observability/run-counts.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { type RequestWait, remainingMs } from './request-wait.ts'
import { retireModel } from './retire-model.ts'
import { chooseVariant, createSessionSpec, defaultGenerateLimits } from './session-spec.ts'
import { createVerifier } from './verify.ts'

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
  readonly backend: Backend
  /** CPU cores that all lanes together may use. */
  readonly cores: number
  /** Bytes for all models in all lanes together. */
  readonly memoryBudget: number
  /** What may wait for each model. */
  readonly queue: QueueLimits
  /** Sequences that share a decode step, and bytes for keys and values, for each model. */
  readonly generateLimits?: GenerateLimits
  readonly startLane: (name: string) => Lane
  readonly clock: Clock
  /** Told of sessions whose loads cost lanes. */
  readonly onLoss?: ReportLoss
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

/** Runs get slower with more threads than this; with more processes, memory is better used otherwise. */
const maxThreads = 16
const maxLanes = 16

/** A GPU has one lane, and a second only where measurements show that it is faster. */
const gpuLayouts: readonly Layout[] = [
  { lanes: 1, threads: 1 },
  { lanes: 2, threads: 1 },
]

/** Runs the server's models in a pool of lanes, which are child processes in production. */
export function createInference(options: InferenceOptions): Inference {
  const { backend, clock, cores, queue, memoryBudget, startLane, onLoss } = options
  const { generateLimits = defaultGenerateLimits } = options
  const layouts = () => (backend === 'cpu' ? layoutsFor({ cores, maxThreads, maxLanes }) : gpuLayouts)
  const laneCounts = new LaneCounts()
  const pool = new Pool({
    layouts,
    memoryBudget,
    startLane: (name) => laneCounts.watch(startLane(name)),
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
    admission:
      queue.burstMs === undefined ? undefined : new Admission({ clock, targetMs, burstMs: queue.burstMs }),
    maxBatchBytes: 256 * 2 ** 20,
    afterTurn: setImmediate,
  })
  const states = new WeakMap<CatalogueEntry, ModelState>()
  const failures = new WeakMap<CatalogueEntry, SpillwayError>()
  const verify = createVerifier()
  const sessionSpecs = new Map<CatalogueEntry, SessionSpec>()
  const generators = new Map<Variant, { readonly scheduler: SequenceScheduler; readonly spec: SessionSpec }>()
  const counts = new WeakMap<CatalogueEntry, RunCounts>()

  const countsOf = (entry: CatalogueEntry): RunCounts => {
    let existing = counts.get(entry)
    if (!existing) {
      existing = new RunCounts()
      counts.set(entry, existing)
    }
    return existing
  }

  const sessionSpecOf = (entry: CatalogueEntry): SessionSpec => {
    let sessionSpec = sessionSpecs.get(entry)
    if (!sessionSpec) {
      const variant = chooseVariant(entry, backend)
      sessionSpec = createSessionSpec(entry, { backend, variant, generateLimits }, verify)
      sessionSpecs.set(entry, sessionSpec)
    }
    return sessionSpec
  }

  const unloadedError = (entry: CatalogueEntry): SpillwayError | undefined =>
    states.get(entry) === 'unloaded' ? modelUnloaded(entry) : undefined

  const generatorOf = (entry: CatalogueEntry, preferredVariant?: string): SequenceScheduler => {
    const unloaded = unloadedError(entry)
    if (unloaded) throw unloaded
    const variant = chooseVariant(entry, backend, preferredVariant)
    let generator = generators.get(variant)?.scheduler
    if (!generator) {
      const { generation: spec } = entry.manifest
      if (!spec) throw notLanguage(entry.manifest)
      const sessionSpec = createSessionSpec(entry, { backend, variant, generateLimits }, verify)
      generator = new SequenceScheduler({
        session: sessionSpec.key,
        spec,
        lease: () => leaseLane(scheduler, pool, sessionSpec),
        executedOn: sessionSpec,
        slots: generateLimits.maxSlots,
        maxWaiting: queue.requests,
        maxWaitingTokens: queue.tokens,
        maxStartMs: queue.textStartMs,
        clock,
      })
      generators.set(variant, { scheduler: generator, spec: sessionSpec })
    }
    return generator
  }

  /** @param isUnloaded Whether the model may be prepared again. */
  const retire = (entry: CatalogueEntry, isUnloaded = false): void => {
    const texts = () => entry.manifest.variants.flatMap((variant) => generators.get(variant) ?? [])
    const specs = () => [sessionSpecs.get(entry) ?? [], texts().map(({ spec }) => spec)].flat()
    retireModel(
      {
        isWanted: () => isUnloaded && states.get(entry) !== 'unloaded',
        isInUse: () =>
          specs().some(({ key }) =>
            scheduler.stats().models.some(({ session, queued }) => session === key && queued > 0),
          ) || texts().some(({ scheduler: { load } }) => load.running + load.waiting > 0),
        unload: async () => {
          const retired = specs()
          await Promise.all(retired.map((spec) => pool.unload(spec)))
          if (retired.some((spec) => pool.has(spec))) return false
          sessionSpecs.delete(entry)
          for (const variant of entry.manifest.variants) generators.delete(variant)
          return true
        },
      },
      clock,
    )
  }

  return {
    generator: generatorOf,
    runCounts: countsOf,
    laneCounts,
    run: async (entry, { tensors, rows, outputs }, wait) => {
      const now = clock.now()
      const askedAt = wait.askedAt ?? now
      try {
        remainingMs(wait, now)
        const unloaded = unloadedError(entry)
        if (unloaded) throw unloaded
        const work = { source: sessionSpecOf(entry), inputs: tensors, rows, outputs, askedAt }
        const answer = await scheduler.submit(work, wait)
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
      const error = unloadedError(entry) ?? scheduler.refusal(sessionSpecOf(entry), wait)
      if (error) countsOf(entry).failed(error.code)
      return error
    },
    prepare: async (entry) => {
      states.set(entry, 'loading')
      try {
        await scheduler.prepare(sessionSpecOf(entry))
        if (states.get(entry) !== 'unloaded') states.set(entry, 'ready')
      } catch (cause) {
        states.set(entry, 'failed')
        failures.set(
          entry,
          SpillwayError.from(cause, 'lane_failed', `${entry.manifest.id} could not be loaded`),
        )
        throw cause
      }
    },
    queueMs: (entry) => scheduler.estimate(sessionSpecOf(entry), 1).queueMs,
    state: (entry) => states.get(entry) ?? 'loading',
    failure: (entry) => (states.get(entry) === 'failed' ? failures.get(entry) : undefined),
    stats: () => ({ ...scheduler.stats(), ...pool.stats() }),
    retire,
    unload: (entry) => {
      states.set(entry, 'unloaded')
      retire(entry, true)
    },
    withoutLaneMs: () => pool.withoutLaneMs,
    restartLanes: () => pool.prestart(backend),
    close: (reason) => {
      for (const { scheduler } of generators.values()) scheduler.close(reason)
      scheduler.close(reason)
      pool.close(reason)
    },
  }
}

/** Of a model that was unloaded on demand. */
export const modelUnloaded = ({ manifest: { id } }: CatalogueEntry) =>
  new SpillwayError('model_unknown', `${id} is unloaded`, {
    hint: `POST /v2/repository/models/${id}/load loads it.`,
  })

import type { Clock } from '../../models/async/clock.ts'
import { type InFlight, shareInFlight } from '../../models/async/share-in-flight.ts'
import { zeroInputs } from '../../models/core/axes.ts'
import type { Backend, Manifest, Variant } from '../../models/core/index.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import { Pool, type PoolOptions, type PoolStats } from '../../workers/host/pool/pool.ts'
import { type Estimate, Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SchedulerStats } from '../../workers/host/scheduler/stats.ts'
import type { ResultHandler, WaitOptions, Work } from '../../workers/host/scheduler/work.ts'
import { notLanguage } from '../../workers/host/text/generate-setup.ts'
import { leaseLane } from '../../workers/host/text/lease-lane.ts'
import { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import type { TokenGenerator } from '../../workers/host/text/types.ts'
import type { Catalogue } from '../store/catalogue.ts'
import type { Progress } from '../store/worker/load-files.ts'
import type { StoreWorker } from '../store/worker/store-worker.ts'
import type { Calibrations } from './calibration/calibrations.ts'
import { measure } from './calibration/measure.ts'
import { DeviceSession, generateLimits, sessionKey } from './device-session.ts'

export interface DeviceOptions {
  readonly store: StoreWorker
  /** Where models' files come from. */
  readonly catalogue: Pick<Catalogue, 'fileOf'>
  readonly calibrations: Calibrations
  /** The lanes that each backend may have. */
  readonly layouts: PoolOptions['layouts']
  /** Bytes for all sessions in all lanes. */
  readonly memoryBudget: number
  readonly clock: Clock
}

const calibrateAfterMs = 20

/** The device tier: a scheduler over a pool of Web Workers, fed from the store. */
export class DeviceTier {
  readonly #options: DeviceOptions
  readonly #pool: Pool
  readonly #scheduler: Scheduler<DeviceSession>
  readonly #sessions = new Map<string, DeviceSession>()
  readonly #preparing = new Map<string, InFlight<Progress>>()
  readonly #ready = new WeakSet<DeviceSession>()
  readonly #generators = new Map<string, SequenceScheduler>()

  constructor(options: DeviceOptions) {
    const { layouts, memoryBudget, clock } = options
    this.#options = options
    const startLane = (name: string) => startWorkerLane(`spillway ${name}`, clock)
    this.#pool = new Pool({ layouts, memoryBudget, clock, startLane })
    this.#scheduler = new Scheduler({
      lanes: this.#pool,
      clock,
      maxQueued: 65_536,
      targetMs: 100,
      maxBatchBytes: 256 * 2 ** 20,
      afterTurn: (task) => queueMicrotask(task),
    })
  }

  /** The one session of these files on this backend. */
  session(manifest: Manifest, variant: Variant, backend: Backend): DeviceSession {
    const key = sessionKey(manifest, variant, backend)
    let session = this.#sessions.get(key)
    if (!session) {
      session = new DeviceSession(manifest, variant, backend, (wanted) => this.#loadFiles(wanted))
      this.#sessions.set(key, session)
      const known = this.#options.calibrations.curveOf(manifest, session)
      if (known) this.#scheduler.seed(session, known)
    }
    return session
  }

  /** Whether it was loaded once: a lane that loses it loads it again. */
  isReady(session: DeviceSession): boolean {
    return this.#ready.has(session)
  }

  /** Fetches, verifies and stores the files, and loads them into a lane: once, however many ask for it. */
  async prepare(
    session: DeviceSession,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    if (this.isReady(session)) return
    const { clock } = this.#options
    let preparing = this.#preparing.get(session.key)
    if (!preparing) {
      const abandon = () => {
        if (this.#preparing.get(session.key) === preparing) this.#preparing.delete(session.key)
      }
      preparing = shareInFlight(async (stop, tell) => {
        try {
          // The runtime comes while the files do.
          this.#pool.prestart(session.backend)
          // Fetched before a lane is asked for: a download must not keep other models' requests waiting.
          session.give(await this.#loadFiles(session, stop, tell))
          await this.#scheduler.prepare(session, stop)
          this.#ready.add(session)
          // A page that waited for the model asks at once, and goes first.
          clock.after(calibrateAfterMs, () => void this.#calibrate(session))
        } finally {
          // A load that failed or was called off took nothing.
          session.give(undefined)
          abandon()
        }
      }, abandon)
      this.#preparing.set(session.key, preparing)
    }
    await preparing.join(signal, onProgress)
  }

  submit<T, W extends WaitOptions>(
    work: Work<DeviceSession>,
    wait: W,
    reader: ResultHandler<DeviceSession, T, W>,
  ): Promise<T> {
    return this.#scheduler.submit(work, wait, reader)
  }

  estimate(session: DeviceSession, rows: number): Estimate {
    return this.#scheduler.estimate(session, rows)
  }

  /** Decodes sequences of a language model, loaded where it is not; once for all its texts. */
  generator(session: DeviceSession): TokenGenerator {
    let generator = this.#generators.get(session.key)
    if (!generator) {
      const { generation: spec } = session.manifest
      if (!spec) throw notLanguage(session.manifest)
      generator = new SequenceScheduler({
        session: session.key,
        spec,
        lease: () => leaseLane(this.#scheduler, this.#pool, session),
        executedOn: session,
        slots: generateLimits.maxSlots,
        maxWaiting: 1_024,
        clock: this.#options.clock,
      })
      this.#generators.set(session.key, generator)
    }
    return generator
  }

  get isSaturated(): boolean {
    return this.#scheduler.isSaturated
  }

  stats(): SchedulerStats & PoolStats {
    return { ...this.#scheduler.stats(), ...this.#pool.stats() }
  }

  /** A language model's tokenizer: its files' bytes, as the manifest lists them. */
  tokenizerFiles(manifest: Manifest): Promise<ArrayBuffer[]> {
    return this.#loadFiles({ manifest, files: { id: 'tokenizer', files: manifest.tokenizer ?? [] } })
  }

  close(): void {
    for (const generator of this.#generators.values()) generator.close()
    for (const preparing of this.#preparing.values()) preparing.stop()
    this.#scheduler.close()
    this.#pool.close()
  }

  /** Measures what was never measured here, and keeps what requests will teach. */
  async #calibrate(session: DeviceSession): Promise<void> {
    const { clock, calibrations } = this.#options
    const scheduler = this.#scheduler
    if (!scheduler.costOf(session).isKnown) {
      const measured = await measure(session.manifest, {
        isIdle: () => scheduler.size === 0 && scheduler.pending === 0,
        run: async (rows) => {
          const inputs = zeroInputs(session.manifest, rows)
          if (!inputs) return undefined
          const work = { source: session, inputs, rows, askedAt: clock.now() }
          // What keeps it from running will be told to a request, and is no matter here.
          const answer = await scheduler.submit(work, { priority: 'low' }).catch(() => undefined)
          return answer && answer.answeredAt - work.askedAt - answer.queueMs
        },
      })
      if (measured) scheduler.seed(session, measured)
    }
    calibrations.keep(session.manifest, session, () => scheduler.costOf(session))
  }

  #loadFiles(
    { manifest, files }: { readonly manifest: Manifest; readonly files: Pick<Variant, 'id' | 'files'> },
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ) {
    const { store, catalogue } = this.#options
    const { id, version } = manifest
    const wanted = files.files.map((file) => catalogue.fileOf(manifest, file))
    return store.loadFiles({ model: { id, version, variant: files.id }, files: wanted }, signal, onProgress)
  }
}

import { type InFlight, shareInFlight } from '../../models/async/share-in-flight.ts'
import type { Backend, Manifest, Variant } from '../../models/core/index.ts'
import { Pool, type PoolOptions, type PoolStats } from '../../workers/host/pool/pool.ts'
import type { CostCurve } from '../../workers/host/scheduler/cost-curve.ts'
import type { Cutting } from '../../workers/host/scheduler/cutting.ts'
import type { Estimate } from '../../workers/host/scheduler/load-estimator.ts'
import { Scheduler } from '../../workers/host/scheduler/scheduler.ts'
import type { SchedulerStats } from '../../workers/host/scheduler/stats.ts'
import type { ResultHandler, WaitOptions, Work } from '../../workers/host/scheduler/work.ts'
import { type GenerateLimits, notLanguage } from '../../workers/host/text/generate-setup.ts'
import { leaseLane } from '../../workers/host/text/lease-lane.ts'
import type { SequenceSchedulerOptions } from '../../workers/host/text/sequence-options.ts'
import type { SequenceScheduler } from '../../workers/host/text/sequence-scheduler.ts'
import type { TokenGenerator } from '../../workers/host/text/types.ts'
import type { Progress } from '../store/worker/load-files.ts'
import type { Calibrations } from './calibration/calibrations.ts'
import { browserIdle, Calibrator } from './calibration/calibrator.ts'
import { DeviceSession, generateLimits, sessionKey } from './device-session.ts'
import { LoadStates } from './load-states.ts'
import { SessionFiles, type SessionFilesOptions } from './session-files.ts'

export interface DeviceOptions extends SessionFilesOptions {
  readonly calibrations: Calibrations
  /** The numbers of lanes that each backend may have. */
  readonly layouts: PoolOptions['layouts']
  /** The most requests that wait, and the most texts of a model. Default: 65,536 requests and 1,024 texts. */
  readonly maxQueued?: number | undefined
  readonly startLane: PoolOptions['startLane']
  /** The code that cuts requests, once it is loaded. */
  readonly cutting?: () => Cutting | undefined
}

/** Between two looks at whether a session that is to be unloaded is still in use, in milliseconds. */
const unloadMs = 20

/** The device tier: a scheduler over a pool of lanes (Web Workers, or processes of a program), fed from the store. */
export class DeviceTier {
  readonly loadStates = new LoadStates()
  readonly #options: DeviceOptions
  readonly #limits: GenerateLimits
  readonly #files: SessionFiles
  readonly #pool: Pool
  readonly #scheduler: Scheduler<DeviceSession>
  readonly #calibrator: Calibrator
  readonly #sessions = new Map<string, DeviceSession>()
  readonly #preparing = new Map<string, InFlight<Progress>>()
  readonly #ready = new WeakSet<DeviceSession>()
  readonly #generators = new Map<string, SequenceScheduler>()
  #onReady: (session: DeviceSession) => void = () => {}
  #isClosed = false

  constructor(options: DeviceOptions) {
    const { layouts, memoryBudget, clock, calibrations, startLane } = options
    this.#options = options
    this.#limits = generateLimits(memoryBudget)
    this.#files = new SessionFiles(options)
    this.#pool = new Pool({ layouts, memoryBudget, clock, startLane })
    this.#scheduler = new Scheduler({
      lanes: this.#pool,
      clock,
      maxQueued: options.maxQueued ?? 65_536,
      targetMs: 100,
      ...(options.cutting && { cutting: options.cutting }),
      maxBatchBytes: 256 * 2 ** 20,
      afterTurn: (task) => queueMicrotask(task),
    })
    this.#calibrator = new Calibrator({
      scheduler: this.#scheduler,
      calibrations,
      allowsWarmUp: (session) => this.#pool.allowsWarmUp(session),
      isGenerating: () => [...this.#generators.values()].some(({ load }) => load.running + load.waiting > 0),
      clock,
      whenPageIdle: browserIdle,
    })
  }

  /** The one session of these files on this backend. */
  session(manifest: Manifest, variant: Variant, backend: Backend): DeviceSession {
    const key = sessionKey(manifest, variant, backend)
    const options = this.#options
    let session = this.#sessions.get(key)
    if (!session) {
      session = new DeviceSession(
        manifest,
        variant,
        backend,
        (session) => this.#files.graphsOf(session),
        this.#limits,
      )
      this.#sessions.set(key, session)
      const curve = options.calibrations.curveOf(manifest, session)
      if (curve) this.#scheduler.seed(session, curve)
    }
    return session
  }

  /** Whether it was loaded before: a lane that loses it loads it again. */
  isReady(session: DeviceSession): boolean {
    return this.#ready.has(session)
  }

  /** Whether it is in a lane now. */
  isLoaded(session: DeviceSession): boolean {
    return this.isReady(session) && this.#pool.has(session)
  }

  /** Calls back when a session was loaded. */
  onReady(callback: (session: DeviceSession) => void): void {
    this.#onReady = callback
  }

  /** Measures runs of up to so many rows when the page is quiet, where they were not measured yet. */
  calibrate(session: DeviceSession, rows: number): Promise<void> {
    return this.#calibrator.calibrate(session, rows)
  }

  /** Whether it can be loaded without unloading another one. */
  hasRoomFor(session: DeviceSession): boolean {
    return this.#pool.fits(session)
  }

  /** Resolves to whether a model may be loaded that nobody waits for: when the page is quiet, or after `busyMs`. */
  whenQuiet(busyMs: number): Promise<boolean> {
    return this.#calibrator.whenQuiet(busyMs)
  }

  /** Unloads a session once its requests are answered. One that comes meanwhile and needs it loaded keeps it. */
  async unload(session: DeviceSession): Promise<void> {
    const { clock } = this.#options
    await this.#preparing
      .get(session.key)
      ?.join()
      .catch(() => undefined)
    this.#ready.delete(session)
    while (this.#isInUse(session)) await new Promise<void>((resolve) => clock.after(unloadMs, resolve))
    if (this.isReady(session) || this.#preparing.has(session.key)) return
    await this.#pool.unload(session)
    this.loadStates.set(session, 'idle')
  }

  /** Unloads all sessions of a model. */
  async unloadModel(manifest: Manifest): Promise<void> {
    await Promise.all(this.#sessionsOf(manifest).map((session) => this.unload(session)))
  }

  /** The sessions of a model that are in a lane now. */
  loadedSessions(manifest: Manifest): DeviceSession[] {
    return this.#sessionsOf(manifest).filter((session) => this.isLoaded(session))
  }

  /** Fetches, verifies and stores the files, and loads them into a lane: once for all concurrent callers. */
  async prepare(
    session: DeviceSession,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<void> {
    if (this.isReady(session)) return
    let preparing = this.#preparing.get(session.key)
    if (!preparing) {
      const abandon = () => {
        if (this.#preparing.get(session.key) === preparing) this.#preparing.delete(session.key)
      }
      preparing = shareInFlight(async (stop, report) => {
        const { loadStates } = this
        try {
          loadStates.set(session, 'downloading')
          // The runtime is downloaded at the same time as the files.
          this.#pool.prestart(session.backend)
          // Fetched before a lane is leased: a download must not keep other models' requests waiting.
          session.draft = await this.#files.findDraft(session, stop)
          session.setFetched(await this.#files.graphsOf(session, stop, report))
          loadStates.set(session, 'loading')
          await this.#scheduler.prepare(session, stop)
          this.#ready.add(session)
          loadStates.set(session, 'ready')
          void this.#calibrator.calibrate(session)
          this.#onReady(session)
        } catch (cause) {
          loadStates.set(session, stop.aborted || this.#isClosed ? 'idle' : 'failed')
          throw cause
        } finally {
          // A load that failed or was aborted did not take them.
          session.setFetched(undefined)
          abandon()
        }
      }, abandon)
      this.#preparing.set(session.key, preparing)
    }
    await preparing.join(signal, onProgress)
  }

  submit<T, W extends WaitOptions>(
    work: Work<DeviceSession>,
    options: W,
    handler: ResultHandler<DeviceSession, T, W>,
  ): Promise<T> {
    this.#calibrator.requested(work.askedAt)
    return this.#scheduler.submit(work, options, handler)
  }

  estimate(session: DeviceSession, rows: number): Estimate {
    return this.#scheduler.estimate(session, rows)
  }

  /** What its runs cost, as far as is known. */
  costOf(session: DeviceSession): CostCurve {
    return this.#scheduler.costOf(session)
  }

  /** Milliseconds until a request that came now would be answered; undefined while the cost of its runs is not known. */
  finishMs(session: DeviceSession, rows: number): number | undefined {
    return this.#scheduler.finishMs(session, rows)
  }

  /**
   * The generator of a language model, shared by all its texts. It loads the model where it is not loaded.
   *
   * @param create Given by the code of texts: a page that only runs tensors never loads it.
   * @throws SpillwayError `not_supported` where the model is no language model.
   */
  generator(
    session: DeviceSession,
    create: (options: SequenceSchedulerOptions) => SequenceScheduler,
  ): TokenGenerator {
    let generator = this.#generators.get(session.key)
    if (!generator) {
      const { generation: spec } = session.manifest
      if (!spec) throw notLanguage(session.manifest)
      generator = create({
        session: session.key,
        spec,
        context: session.context,
        lease: () => leaseLane(this.#scheduler, this.#pool, session),
        executedOn: session,
        slots: this.#limits.slots,
        maxWaiting: this.#options.maxQueued ?? 1_024,
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

  /** The files that texts need beside the graph, as `textFiles` lists them. */
  textFiles(manifest: Manifest): Promise<ArrayBuffer[]> {
    return this.#files.textFiles(manifest)
  }

  close(): void {
    this.#isClosed = true
    this.#calibrator.close()
    for (const generator of this.#generators.values()) generator.close()
    for (const preparing of this.#preparing.values()) preparing.stop()
    this.#scheduler.close()
    this.#pool.close()
  }

  #sessionsOf({ id, version }: Manifest): DeviceSession[] {
    return [...this.#sessions.values()].filter(
      ({ manifest }) => manifest.id === id && manifest.version === version,
    )
  }

  /** Whether requests wait for it, or a lane works with it. */
  #isInUse({ key }: DeviceSession): boolean {
    const session = this.#sessions.get(key)
    if (this.#isClosed || !session) return false
    const { models } = this.#scheduler.stats()
    return this.#pool.isUsing(session) || models.some((model) => model.session === key && model.queued > 0)
  }
}

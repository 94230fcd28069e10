import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import type { Progress } from '../store/worker/load-files.ts'
import type { Tiers, TiersOptions } from './dispatcher.ts'
import { final } from './failure.ts'
import type { Health } from './health.ts'
import type { Routes } from './model-states.ts'
import type { Judge } from './placement-resolver.ts'

/** Milliseconds for which the server's first answer has the way and the processor to itself. */
const headStartMs = 150

interface HeadStart {
  readonly over: Promise<void>
  /** Ends it in the next task: in this one the page is given its answer, and may ask again. */
  answered(): void
}

/** Loads models on the device that the server answers meanwhile. */
export class Bridges {
  readonly #options: TiersOptions
  readonly #tiers: Tiers
  readonly #routes: Routes
  readonly #judge: Judge
  readonly #health: Health
  readonly #loading = new WeakSet<Manifest>()
  readonly #headStarts = new WeakMap<Manifest, HeadStart>()

  constructor(options: TiersOptions, tiers: Tiers, routes: Routes, judge: Judge, health: Health) {
    this.#options = options
    this.#tiers = tiers
    this.#routes = routes
    this.#judge = judge
    this.#health = health
  }

  /**
   * Loads a model once the server has answered its first request: to ask the device what it can do, a download and a
   * lane's start would make that answer late.
   */
  load(manifest: Manifest, signal?: AbortSignal, onProgress?: (progress: Progress) => void): void {
    if (this.#loading.has(manifest) && !onProgress) return
    this.#loading.add(manifest)
    void this.#load(manifest, signal, onProgress).finally(() => this.#loading.delete(manifest))
  }

  /** The server has answered a request, or failed to. */
  answered(manifest: Manifest): void {
    this.#headStart(manifest).answered()
  }

  async #load(
    manifest: Manifest,
    signal: AbortSignal | undefined,
    onProgress: ((progress: Progress) => void) | undefined,
  ): Promise<void> {
    await this.#headStart(manifest).over
    const fit = this.#judge.fit(await this.#routes.open(manifest))
    if ('error' in fit) return
    try {
      await this.#options.device.prepare(this.#tiers.sessionOf(manifest, fit), signal, onProgress)
    } catch (cause) {
      const failure = SpillwayError.from(cause, 'internal', `${manifest.id} failed`)
      if (!final.has(failure.code)) this.#health.deviceFailed(manifest.id, fit, failure)
    }
  }

  #headStart(manifest: Manifest): HeadStart {
    let start = this.#headStarts.get(manifest)
    if (!start) {
      const { clock } = this.#options
      let isAnswered = false
      let answered = () => {}
      const over = new Promise<void>((resolve) => {
        const cancel = clock.after(headStartMs, resolve)
        answered = () => {
          if (isAnswered) return
          isAnswered = true
          cancel()
          clock.after(0, resolve)
        }
      })
      start = { over, answered }
      this.#headStarts.set(manifest, start)
    }
    return start
  }
}

import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import type { Progress } from '../store/worker/load-files.ts'
import type { Dispatcher, DispatcherOptions } from './dispatcher.ts'
import { final } from './failure.ts'
import type { Health } from './health.ts'
import type { ModelStates } from './model-states.ts'
import type { PlacementResolver } from './placement-resolver.ts'

/** Milliseconds for which the server's first answer has the way and the processor to itself. */
const headStartMs = 150

interface HeadStart {
  readonly over: Promise<void>
  /** Ends it in the next task: in this one the page is given its answer, and may ask again. */
  answered(): void
}

/** Loads models on the device that the server answers meanwhile. */
export class BackgroundLoader {
  readonly #options: DispatcherOptions
  readonly #dispatcher: Dispatcher
  readonly #states: ModelStates
  readonly #resolver: PlacementResolver
  readonly #health: Health
  readonly #loading = new WeakSet<Manifest>()
  readonly #headStarts = new WeakMap<Manifest, HeadStart>()

  constructor(
    options: DispatcherOptions,
    dispatcher: Dispatcher,
    states: ModelStates,
    resolver: PlacementResolver,
    health: Health,
  ) {
    this.#options = options
    this.#dispatcher = dispatcher
    this.#states = states
    this.#resolver = resolver
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
    const target = this.#resolver.target(await this.#states.open(manifest))
    if ('error' in target) return
    try {
      await this.#options.device.prepare(this.#dispatcher.sessionOf(manifest, target), signal, onProgress)
    } catch (cause) {
      const failure = SpillwayError.from(cause, 'internal', `${manifest.id} failed`)
      if (!final.has(failure.code)) this.#health.deviceFailed(manifest.id, target, failure)
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

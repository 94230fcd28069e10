import { type Policy, type RunResult, SpillwayError } from '../../models/core/index.ts'
import type { Runtime } from '../api/create-runtime.ts'
import type { Model } from '../api/model.ts'
import type { ModelOptions } from '../api/model-options.ts'
import type { Progress } from '../store/worker/load-files.ts'
import { isNotFound } from '../view/is-not-found.ts'
import { LatestTask } from '../view/latest-task.ts'

/** Milliseconds to wait after a failure: a moving pen requests a run sixty times a second. */
export const retryDelayMs = 1_000

const onServerFirst: readonly Policy[] = ['server', 'prefer-server']

export interface Watcher {
  /** The model has been requested. */
  opening(): void
  /** The model can run: on the device or, while the device still loads it, on the server. */
  opened(model: Model): void
  progress(progress: Progress): void
  /** All files that the policy wants on the device are loaded. */
  loaded(): void
  /** They could not be downloaded, or the device could not load them. */
  notLoaded(cause: unknown): void
  /** The model was not found. */
  unavailable(): void
  running(isRunning: boolean): void
  result(model: Model, result: RunResult): void
  failure(error: SpillwayError): void
}

/** Runs the model on the newest drawing: one run is in flight, and no older drawing waits behind it. */
export class Recogniser {
  readonly #runtime: Runtime
  readonly #watcher: Watcher
  readonly #latest = new LatestTask((signal) => this.#attempt(signal))
  #model: Model | undefined
  #image: Float32Array | undefined
  #opening = new AbortController()

  constructor(runtime: Runtime, watcher: Watcher) {
    this.#runtime = runtime
    this.#watcher = watcher
    this.#latest.request()
  }

  /** @param image The drawing as the model reads it; undefined for an empty pad. */
  show(image: Float32Array | undefined): void {
    this.#image = image
    this.#latest.request()
  }

  setPolicy(policy: Policy): void {
    this.#runtime.policy = policy
    // The new policy may place the model where it is not loaded yet.
    this.#reopen()
  }

  retry(): void {
    this.#reopen()
  }

  #reopen(): void {
    this.#opening.abort()
    this.#model = undefined
    this.#latest.restart()
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    try {
      await this.#run(signal)
    } catch (cause) {
      if (signal.aborted) return
      const error = SpillwayError.from(cause, 'internal', 'The page failed')
      this.#watcher.failure(error)
      await pause(Math.max(retryDelayMs, error.detail.retryAfterMs ?? 0), signal)
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const model = this.#model ?? (await this.#open())
    const image = this.#image
    if (!image) return
    this.#watcher.running(true)
    try {
      const result = await model.run({ image }, { signal })
      // The pad may have been cleared in the meantime.
      if (!signal.aborted && this.#image) this.#watcher.result(model, result)
    } finally {
      this.#watcher.running(false)
    }
  }

  async #open(): Promise<Model> {
    this.#opening = new AbortController()
    const { signal } = this.#opening
    const onProgress = (progress: Progress) => {
      if (!signal.aborted) this.#watcher.progress(progress)
    }
    this.#watcher.opening()
    try {
      const model = await this.#runtime.model('digits', { signal, onProgress })
      signal.throwIfAborted()
      this.#model = model
      this.#watcher.opened(model)
      void this.#load(model, { signal, onProgress })
      return model
    } catch (cause) {
      if (!signal.aborted) this.#reportFailure(cause)
      throw cause
    }
  }

  #reportFailure(cause: unknown): void {
    if (isNotFound(cause)) this.#watcher.unavailable()
    else this.#watcher.notLoaded(cause)
  }

  /** Loads the model on the device where the policy wants it, then runs there what the server has answered meanwhile. */
  async #load(model: Model, options: ModelOptions & { readonly signal: AbortSignal }): Promise<void> {
    const { signal } = options
    try {
      if (!onServerFirst.includes(this.#runtime.policy)) await model.load(options)
      if (signal.aborted) return
      this.#watcher.loaded()
      this.#latest.request()
    } catch (cause) {
      // Not shown as an error: the server may answer, and if not, the run reports the error.
      if (!signal.aborted) this.#watcher.notLoaded(cause)
    }
  }
}

/** Waits for so long, or until the signal aborts. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = window.setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer)
      resolve()
    })
  })

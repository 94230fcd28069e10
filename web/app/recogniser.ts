import { type Policy, type RunResult, SpillwayError } from '../../models/index.ts'
import type { Model } from '../model.ts'
import type { Runtime } from '../runtime.ts'
import type { Progress } from '../store/obtain.ts'
import { Latest } from './latest.ts'

/** Milliseconds before a new stroke tries again what has just failed: a pen in motion asks sixty times a second. */
const restMs = 1_000

/** Told what happens, in this order for one attempt: loading, progress, loaded; running; result or failure. */
export interface Watcher {
  loading(): void
  progress(progress: Progress): void
  loaded(model: Model): void
  running(): void
  result(model: Model, result: RunResult): void
  failure(error: SpillwayError, during: 'load' | 'run'): void
}

/** Runs the model on the newest drawing: one run in flight, and never a queue of old drawings behind it. */
export class Recogniser {
  readonly #runtime: Runtime
  readonly #watcher: Watcher
  readonly #latest = new Latest((signal) => this.#attempt(signal))
  #model: Model | undefined
  #image: Float32Array | undefined

  constructor(runtime: Runtime, watcher: Watcher) {
    this.#runtime = runtime
    this.#watcher = watcher
    this.#latest.request()
  }

  /** The drawing as the model reads it; nothing for an empty pad. */
  show(image: Float32Array | undefined): void {
    this.#image = image
    this.#latest.request()
  }

  setPolicy(policy: Policy): void {
    this.#runtime.policy = policy
    // The new policy may place the model where it is not loaded yet.
    this.#model = undefined
    this.#latest.restart()
  }

  retry(): void {
    this.#latest.restart()
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    try {
      const model = this.#model ?? (await this.#load(signal))
      const image = this.#image
      if (!image) return
      this.#watcher.running()
      const result = await model.run({ image }, { signal })
      // A pad cleared in the meantime has no answer.
      if (!signal.aborted && this.#image) this.#watcher.result(model, result)
    } catch (cause) {
      if (signal.aborted) return
      const error = SpillwayError.from(cause, 'internal', 'The page failed')
      this.#watcher.failure(error, this.#model ? 'run' : 'load')
      await rest(Math.max(restMs, error.detail.retryAfterMs ?? 0), signal)
    }
  }

  async #load(signal: AbortSignal): Promise<Model> {
    this.#watcher.loading()
    const model = await this.#runtime.model('digits', {
      signal,
      onProgress: (progress) => {
        if (!signal.aborted) this.#watcher.progress(progress)
      },
    })
    signal.throwIfAborted()
    this.#model = model
    this.#watcher.loaded(model)
    return model
  }
}

/** A while, or until the signal fires. */
const rest = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = window.setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      window.clearTimeout(timer)
      resolve()
    })
  })

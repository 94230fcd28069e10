import { type Policy, SpillwayError } from '../../models/core/index.ts'
import type { Runtime } from '../api/create-runtime.ts'
import type { Model } from '../api/model.ts'
import type { ModelOptions } from '../api/model-options.ts'
import { isNotFound } from '../view/is-not-found.ts'
import type { ProgressView } from '../view/progress-view.ts'

const onServerFirst: readonly Policy[] = ['server', 'prefer-server']

/** Opens the model once for each policy; all requests of the page share it. */
export class Opener {
  readonly #runtime: Runtime
  readonly #id: string
  readonly #progress: ProgressView
  readonly #onFailure: (error: SpillwayError) => void
  #abort = new AbortController()
  #model: Promise<Model> | undefined

  constructor(
    runtime: Runtime,
    id: string,
    progress: ProgressView,
    onFailure: (error: SpillwayError) => void,
  ) {
    this.#runtime = runtime
    this.#id = id
    this.#progress = progress
    this.#onFailure = onFailure
  }

  /** Resolves to the model. A failure is not kept: the next call tries again. */
  model(): Promise<Model> {
    this.#model ??= this.#open(this.#abort.signal)
    return this.#model
  }

  setPolicy(policy: Policy): void {
    this.#runtime.policy = policy
    this.reopen()
  }

  reopen(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
    this.#model = undefined
    this.model().catch(() => {})
  }

  async #open(signal: AbortSignal): Promise<Model> {
    const options: ModelOptions = {
      signal,
      onProgress: (progress) => {
        if (!signal.aborted) this.#progress.loading(progress)
      },
    }
    this.#progress.starting()
    try {
      const model = await this.#runtime.model(this.#id, options)
      void this.#load(model, options, signal)
      return model
    } catch (cause) {
      if (!signal.aborted) {
        this.#model = undefined
        if (isNotFound(cause)) this.#progress.unavailable()
        else this.#progress.failed(cause)
        this.#onFailure(SpillwayError.from(cause, 'internal', 'The page failed'))
      }
      throw cause
    }
  }

  /** Loads the model on the device where the policy wants it; meanwhile the server answers. */
  async #load(model: Model, options: ModelOptions, signal: AbortSignal): Promise<void> {
    try {
      if (!onServerFirst.includes(this.#runtime.policy)) await model.load(options)
      if (!signal.aborted) this.#progress.ready()
    } catch (cause) {
      // Not shown as an error: the server may answer, and if not, the request reports the error.
      if (!signal.aborted) this.#progress.failed(cause)
    }
  }
}

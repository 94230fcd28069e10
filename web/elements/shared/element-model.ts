import { SpillwayError } from '../../../models/core/error.ts'
import type { Policy } from '../../../models/core/placement.ts'
import type { Model } from '../../api/model.ts'
import { loadingWords } from '../../view/progress-view.ts'
import type { GetRuntime } from '../spillway-element.ts'

const keyOf = (id: string, policy: Policy | undefined) => `${id} ${policy}`

const onServerFirst: readonly Policy[] = ['server', 'prefer-server']

/** The model of an element, opened once for each id. */
export class ElementModel {
  readonly #getRuntime: GetRuntime
  readonly #show: (loading: string) => void
  #abort = new AbortController()
  #open: { readonly key: string; readonly model: Promise<Model> } | undefined

  /** @param show Gets what to say of its loading: an empty text once it is loaded, or where the device cannot. */
  constructor(getRuntime: GetRuntime, show: (loading: string) => void) {
    this.#getRuntime = getRuntime
    this.#show = show
  }

  /** A failure is not kept: the next call tries again. */
  open(id: string, policy: Policy | undefined): Promise<Model> {
    const key = keyOf(id, policy)
    if (this.#open?.key === key) return this.#open.model
    this.close()
    this.#abort = new AbortController()
    const model = this.#load(id, policy, this.#abort.signal)
    const open = { key, model }
    this.#open = open
    model.catch(() => {
      if (this.#open === open) this.#open = undefined
    })
    return model
  }

  /** Lets another model go: its calls reject as `aborted`. */
  keep(id: string, policy: Policy | undefined): void {
    if (this.#open && this.#open.key !== keyOf(id, policy)) this.close()
  }

  /** Ends what is loading for this element alone. */
  close(): void {
    this.#abort.abort()
    this.#open = undefined
  }

  async #load(id: string, policy: Policy | undefined, signal: AbortSignal): Promise<Model> {
    const say = (words: string) => {
      if (!signal.aborted) this.#show(words)
    }
    say('Preparing')
    try {
      const runtime = await this.#getRuntime()
      if (signal.aborted) throw new SpillwayError('aborted', 'The element shows another model')
      const options = {
        signal,
        onProgress: (progress: Parameters<typeof loadingWords>[0]) => say(loadingWords(progress)),
      }
      const model = await runtime.model(id, options)
      // Where the device cannot, the server answers; where nothing can, the request says so.
      if (onServerFirst.includes(policy ?? runtime.policy)) say('')
      else
        void model.load(options).then(
          () => say(''),
          () => say(''),
        )
      return model
    } catch (cause) {
      say('')
      throw cause
    }
  }
}

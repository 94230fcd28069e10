import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { type Catalogue, findModel } from '../../inference/catalogue.ts'
import { derivedFrom } from '../../inference/live-catalogue.ts'
import { keyHeaders } from '../config.ts'
import type { Upstream } from '../upstream.ts'
import type { Upstreams } from '../upstreams.ts'
import { OpenAiEngine } from './engine.ts'

/** The engines of the models whose requests of the OpenAI API are passed on. */
export class Engines {
  readonly #catalogue: Catalogue
  readonly #upstreams: Upstreams
  readonly #clock: Clock
  readonly #engines = new WeakMap<Upstream, OpenAiEngine>()
  readonly #names: () => Readonly<Record<string, string>>

  constructor(catalogue: Catalogue, upstreams: Upstreams, clock: Clock) {
    this.#catalogue = catalogue
    this.#upstreams = upstreams
    this.#clock = clock
    this.#names = derivedFrom(catalogue, () =>
      Object.fromEntries(
        [...catalogue.values()].flatMap(({ manifest: { id }, upstream }) =>
          upstream?.protocol === 'openai' ? [[id, upstream.model ?? id]] : [],
        ),
      ),
    )
  }

  /** The models, with their names at their engines. */
  get names(): Readonly<Record<string, string>> {
    return this.#names()
  }

  /** @throws SpillwayError `model_unknown` where the model is no longer offered, or has another upstream by now. */
  named(model: string): OpenAiEngine {
    const entry = findModel(this.#catalogue, model)
    const config = entry.upstream
    const upstream = this.#upstreams.of(entry)
    if (config?.protocol !== 'openai' || !upstream)
      throw new SpillwayError('model_unknown', `The model "${model}" has no engine any more`, {
        hint: 'Send the request again.',
      })
    let engine = this.#engines.get(upstream)
    if (!engine) {
      engine = new OpenAiEngine(upstream, keyHeaders(config), this.#clock)
      this.#engines.set(upstream, engine)
    }
    return engine
  }
}

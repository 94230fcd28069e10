import { adaptedName, SpillwayError } from '../../../models/core/index.ts'
import { type Catalogue, type CatalogueEntry, findTexts } from '../../inference/catalogue.ts'
import { derivedFrom } from '../../inference/live-catalogue.ts'
import type { Upstream } from '../upstream.ts'
import type { Upstreams } from '../upstreams.ts'
import { OpenAiEngine } from './engine.ts'

/** The engines of the models whose requests of the OpenAI API are passed on. */
export class Engines {
  readonly #catalogue: Catalogue
  readonly #upstreams: Upstreams
  readonly #engines = new WeakMap<Upstream, OpenAiEngine>()
  readonly #names: () => Readonly<Record<string, string>>

  constructor(catalogue: Catalogue, upstreams: Upstreams) {
    this.#catalogue = catalogue
    this.#upstreams = upstreams
    this.#names = derivedFrom(catalogue, () =>
      Object.fromEntries(
        [...catalogue.values()].flatMap(({ manifest: { id, generation }, upstream }) =>
          upstream?.protocol === 'openai'
            ? [undefined, ...(generation?.adapters ?? [])].map((adapter) => [
                adaptedName({ model: id, adapter }),
                adaptedName({ model: upstream.model ?? id, adapter }),
              ])
            : [],
        ),
      ),
    )
  }

  /** The models, with their names at their engines. */
  get names(): Readonly<Record<string, string>> {
    return this.#names()
  }

  /** @throws SpillwayError `model_unknown` where the model is offered no longer. */
  named(model: string): OpenAiEngine {
    return this.of(findTexts(this.#catalogue, model).entry)
  }

  /** @throws SpillwayError `model_unknown` for an entry without such an engine: its folder has been reread. */
  of(entry: CatalogueEntry): OpenAiEngine {
    const upstream = entry.upstream?.protocol === 'openai' ? this.#upstreams.of(entry) : undefined
    if (!upstream) throw offeredNoLonger(entry.manifest.id)
    let engine = this.#engines.get(upstream)
    if (!engine) {
      engine = new OpenAiEngine(upstream)
      this.#engines.set(upstream, engine)
    }
    return engine
  }
}

/** The model's folder was reread while the request arrived. */
const offeredNoLonger = (model: string) =>
  new SpillwayError('model_unknown', `The model "${model}" has no engine any more`, {
    hint: 'Send the request again.',
  })

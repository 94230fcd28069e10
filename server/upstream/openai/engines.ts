import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { type Catalogue, type CatalogueEntry, findModel } from '../../inference/catalogue.ts'
import { derivedFrom } from '../../inference/live-catalogue.ts'
import { defaultMaxConcurrent, keyHeaders, type UpstreamConfig, urlsOf } from '../config.ts'
import { Replicas } from '../replicas.ts'
import { OpenAiEngine } from './engine.ts'
import { createProbe } from './probe.ts'

/** The engines of the models whose requests of the OpenAI API are passed on. */
export class Engines {
  readonly #catalogue: Catalogue
  readonly #clock: Clock
  readonly #engines = new Map<CatalogueEntry, OpenAiEngine>()
  readonly #names: () => Readonly<Record<string, string>>

  constructor(catalogue: Catalogue, clock: Clock) {
    this.#catalogue = catalogue
    this.#clock = clock
    this.#names = derivedFrom(catalogue, () => {
      const entries = new Set(catalogue.values())
      // Requests in flight keep the engine of a model that is offered no longer.
      for (const entry of this.#engines.keys()) if (!entries.has(entry)) this.#engines.delete(entry)
      return Object.fromEntries(
        [...catalogue.values()].flatMap(({ manifest: { id }, upstream }) =>
          upstream?.protocol === 'openai' ? [[id, upstream.model ?? id]] : [],
        ),
      )
    })
  }

  /** The models, with their names at their engines. */
  get names(): Readonly<Record<string, string>> {
    return this.#names()
  }

  /** @throws SpillwayError `model_unknown` where the model is offered no longer. */
  named(model: string): OpenAiEngine {
    return this.of(findModel(this.#catalogue, model))
  }

  /** @throws SpillwayError `model_unknown` for an entry without such an engine: its folder has been reread. */
  of(entry: CatalogueEntry): OpenAiEngine {
    const existing = this.#engines.get(entry)
    if (existing) return existing
    const { manifest, upstream } = entry
    if (upstream?.protocol !== 'openai') throw offeredNoLonger(manifest.id)
    const engine = this.#create(manifest.id, upstream)
    this.#engines.set(entry, engine)
    return engine
  }

  #create(id: string, upstream: UpstreamConfig): OpenAiEngine {
    const headers = keyHeaders(upstream)
    return new OpenAiEngine({
      headers,
      maxConcurrent: upstream.maxConcurrent ?? defaultMaxConcurrent,
      replicas: new Replicas({
        name: id,
        urls: urlsOf(upstream),
        clock: this.#clock,
        probe: createProbe(headers),
      }),
      clock: this.#clock,
    })
  }

  /** Ends all requests that are passed on. */
  close(reason?: SpillwayError): void {
    for (const { replicas } of this.#engines.values()) replicas.close(reason)
  }
}

/** The model's folder was reread while the request arrived. */
const offeredNoLonger = (model: string) =>
  new SpillwayError('model_unknown', `The model "${model}" has no engine any more`, {
    hint: 'Send the request again.',
  })

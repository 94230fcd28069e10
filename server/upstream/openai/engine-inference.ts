import { type Manifest, SpillwayError } from '../../../models/core/index.ts'
import type { CatalogueEntry } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import type { Engines } from './engines.ts'

const isForwarded = ({ upstream }: CatalogueEntry): boolean => upstream?.protocol === 'openai'

/** The inference of a server some of whose models are engines of the OpenAI API: these take no tensors, and no lane. */
export function withEngines(inference: Inference, engines: Engines): Inference {
  const checked = new WeakSet<CatalogueEntry>()
  return {
    ...inference,
    run: (entry, inputs, wait) =>
      isForwarded(entry) ? Promise.reject(noTensors(entry.manifest)) : inference.run(entry, inputs, wait),
    refusal: (entry, wait) =>
      isForwarded(entry) ? noTensors(entry.manifest) : inference.refusal(entry, wait),
    generator: (entry, preferredVariant) => {
      if (isForwarded(entry)) throw noTensors(entry.manifest)
      return inference.generator(entry, preferredVariant)
    },
    prepare: async (entry) => {
      if (!isForwarded(entry)) return inference.prepare(entry)
      await engines
        .of(entry)
        .replicas.check()
        .finally(() => checked.add(entry))
    },
    state: (entry) => {
      if (!isForwarded(entry)) return inference.state(entry)
      if (!checked.has(entry)) return 'loading'
      return engines.of(entry).replicas.isReady ? 'ready' : 'failed'
    },
    queueMs: (entry) => (isForwarded(entry) ? 0 : inference.queueMs(entry)),
    retire: (entry) => {
      if (!isForwarded(entry)) inference.retire(entry)
    },
    close: (reason) => {
      engines.close(reason)
      inference.close(reason)
    },
  }
}

const noTensors = ({ id }: Manifest) =>
  new SpillwayError('not_supported', `${id} takes no tensors`, {
    hint: 'Its engine has the OpenAI API: send the request to /v1.',
  })

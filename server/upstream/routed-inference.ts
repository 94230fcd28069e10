import { SpillwayError } from '../../models/core/index.ts'
import type { CatalogueEntry } from '../inference/catalogue.ts'
import type { Inference } from '../inference/inference.ts'
import { noTensors, type Upstream } from './upstream.ts'
import type { Upstreams } from './upstreams.ts'

/** Inference by local lanes, but for the models that an upstream runs. */
export function routeInference(local: Inference, upstreams: Upstreams): Inference {
  const run = async (upstream: Upstream, ...[, inputs, wait]: Parameters<Inference['run']>) => {
    const { clock } = upstream.model
    const askedAt = wait.askedAt ?? clock.now()
    try {
      const answer = await upstream.run(inputs, wait)
      upstream.counts.succeeded(askedAt, inputs.rows, answer)
      return answer
    } catch (cause) {
      const code = cause instanceof SpillwayError ? cause.code : 'internal'
      upstream.counts.failed(code, clock.now() - askedAt)
      throw cause
    }
  }
  const of = (entry: CatalogueEntry) => upstreams.of(entry)
  return {
    ...local,
    run: (entry, inputs, wait) => {
      const upstream = of(entry)
      return upstream ? run(upstream, entry, inputs, wait) : local.run(entry, inputs, wait)
    },
    refusal: (entry, wait) => {
      const upstream = of(entry)
      return upstream ? upstream.refusal(wait) : local.refusal(entry, wait)
    },
    prepare: (entry) => of(entry)?.prepare() ?? local.prepare(entry),
    generator: (entry, preferredVariant) => {
      if (of(entry)) throw noTensors(entry)
      return local.generator(entry, preferredVariant)
    },
    failure: (entry) => {
      const upstream = of(entry)
      return upstream ? upstream.failure : local.failure(entry)
    },
    unload: (entry) => {
      const upstream = of(entry)
      if (upstream) upstream.unload()
      else local.unload(entry)
    },
    state: (entry) => of(entry)?.state ?? local.state(entry),
    queueMs: (entry) => of(entry)?.queueMs ?? local.queueMs(entry),
    runCounts: (entry) => of(entry)?.counts ?? local.runCounts(entry),
    stats: () => {
      const stats = local.stats()
      const there = upstreams.all.map((upstream) => upstream.stats())
      return there.length === 0 ? stats : { ...stats, models: [...stats.models, ...there] }
    },
    retire: (entry) => (entry.upstream ? upstreams.retire(entry) : local.retire(entry)),
    close: (reason) => {
      upstreams.close(reason)
      local.close(reason)
    },
  }
}

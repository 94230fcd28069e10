import { type Context, Hono } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { modelMetadata } from '../../../models/protocols/oip.ts'
import { configurationOf, modelConfigurationExtension } from '../../../models/protocols/oip-model-config.ts'
import { binaryExtension } from '../../../models/protocols/oip-names.ts'
import { statisticsExtension } from '../../../models/protocols/oip-statistics.ts'
import { defaultMaxRows } from '../../../workers/host/scheduler/batch-limits.ts'
import { allVersions, type Catalogue, type CatalogueEntry, findModel } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import type { Probes } from '../../probes.ts'
import { classificationExtension } from './classify.ts'
import { statisticsOf } from './statistics.ts'

/** The server's metadata: `GET /v2`. @param extensions Those that not every server has. */
export const serverMetadata = (version: string, extensions: readonly string[]) => ({
  name: 'spillway',
  version,
  extensions: [
    binaryExtension,
    classificationExtension,
    statisticsExtension,
    modelConfigurationExtension,
    ...extensions,
  ],
})

export interface MetadataOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly metadata: ReturnType<typeof serverMetadata>
  readonly probes: Probes
  readonly clock: Clock
}

/** The Open Inference Protocol's health, metadata and statistics routes; infer-routes.ts has its inference routes. */
export function metadataRoutes({ catalogue, inference, metadata, probes, clock }: MetadataOptions) {
  const entryOf = (c: Context) => findModel(catalogue, c.req.param('name') ?? '', c.req.param('version'))

  const metadataOf = ({ manifest }: CatalogueEntry) =>
    modelMetadata(
      manifest,
      catalogue.versions.get(manifest.id)?.map(({ manifest }) => manifest.version),
    )

  const statistics = (c: Context, entries: readonly CatalogueEntry[]) => {
    const startedAt = Date.now() - clock.now()
    const toEpoch = (moment: number) => Math.round(startedAt + moment)
    return c.json({ model_stats: entries.map((entry) => statisticsOf(inference, entry, toEpoch)) })
  }

  const ready = (c: Context) => {
    const entry = entryOf(c)
    const state = inference.state(entry)
    if (state === 'ready') return c.json({ name: entry.manifest.id, ready: true })
    throw new SpillwayError('lane_failed', `${entry.manifest.id} is not ready`, {
      expected: 'ready',
      got: state,
      retryAfterMs: 1000,
    })
  }

  const app = new Hono()
    .get('/', (c) => c.json(metadata))
    .get('/health/live', (c) => {
      probes.checkLive()
      return c.json({ live: true })
    })
    // A model that failed is not ready itself, and keeps no server with others out of service.
    .get('/health/ready', (c) => {
      const notReady = probes.checkReady()
      return c.json(notReady.length === 0 ? { ready: true } : { ready: true, not_ready: notReady })
    })
    .get('/models/:name', (c) => {
      // A route of its own beside a parameter would make Hono's router a slower one. In Triton no model is called so, either.
      if (c.req.param('name') === 'stats') return statistics(c, allVersions(catalogue))
      return c.json(metadataOf(entryOf(c)))
    })
    .get('/models/:name/stats', (c) => {
      const { id } = entryOf(c).manifest
      return statistics(c, catalogue.versions.get(id) ?? [])
    })
    .get('/models/:name/versions/:version', (c) => c.json(metadataOf(entryOf(c))))
    .get('/models/:name/versions/:version/stats', (c) => statistics(c, [entryOf(c)]))
  for (const path of ['/models/:name', '/models/:name/versions/:version'] as const) {
    app.get(`${path}/ready`, ready)
    app.get(`${path}/config`, (c) => c.json(configurationOf(entryOf(c).manifest, defaultMaxRows)))
  }
  return app
}

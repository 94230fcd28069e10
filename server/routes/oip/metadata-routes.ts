import { type Context, Hono } from 'hono'
import { SpillwayError } from '../../../models/core/index.ts'
import { modelMetadata } from '../../../models/protocols/oip.ts'
import { binaryExtension } from '../../../models/protocols/oip-names.ts'
import { type Catalogue, findModel } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import type { Probes } from '../../probes.ts'

/** The server's metadata: `GET /v2`. */
export const serverMetadata = (version: string) => ({
  name: 'spillway',
  version,
  extensions: [binaryExtension],
})

export interface MetadataOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly version: string
  readonly probes: Probes
}

/** The Open Inference Protocol's health and metadata routes; infer-routes.ts has its inference routes. */
export function metadataRoutes({ catalogue, inference, version, probes }: MetadataOptions) {
  const entryOf = (c: Context) => findModel(catalogue, c.req.param('name') ?? '', c.req.param('version'))

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
    .get('/', (c) => c.json(serverMetadata(version)))
    .get('/health/live', (c) => {
      probes.checkLive()
      return c.json({ live: true })
    })
    // A model that failed is not ready itself, and keeps no server with others out of service.
    .get('/health/ready', (c) => {
      const notReady = probes.checkReady()
      return c.json(notReady.length === 0 ? { ready: true } : { ready: true, not_ready: notReady })
    })
  for (const path of ['/models/:name', '/models/:name/versions/:version'] as const) {
    app.get(path, (c) => c.json(modelMetadata(entryOf(c).manifest)))
    app.get(`${path}/ready`, ready)
  }
  return app
}

import { type Context, Hono } from 'hono'
import { SpillwayError } from '../../../models/core/index.ts'
import { modelMetadata } from '../../../models/protocols/oip.ts'
import { binaryExtension } from '../../../models/protocols/oip-binary.ts'
import { type Catalogue, findModel } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'

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
}

/** The Open Inference Protocol's health and metadata routes; infer-routes.ts has its inference routes. */
export function metadataRoutes({ catalogue, inference, version }: MetadataOptions) {
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
    .get('/health/live', (c) => c.json({ live: true }))
    // By the protocol, a server is ready when all of its models are.
    .get('/health/ready', (c) => {
      const states = [...catalogue.values()].map(
        (entry) => [entry.manifest.id, inference.state(entry)] as const,
      )
      const notReady = states.filter(([, state]) => state !== 'ready')
      if (notReady.length === 0) return c.json({ ready: true })
      throw new SpillwayError('lane_failed', 'The server is not ready', {
        expected: 'every model ready',
        got: notReady.map(([id, state]) => `${id} ${state}`).join(', '),
        retryAfterMs: 1000,
      })
    })
  for (const path of ['/models/:name', '/models/:name/versions/:version'] as const) {
    app.get(path, (c) => c.json(modelMetadata(entryOf(c).manifest)))
    app.get(`${path}/ready`, ready)
  }
  return app
}

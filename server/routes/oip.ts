import { type Context, Hono } from 'hono'
import { SpillwayError } from '../../models/index.ts'
import { modelMetadata, queueHeader } from '../../models/oip.ts'
import { binaryExtension } from '../../models/oip-binary.ts'
import { callerGone } from '../caller.ts'
import { type Catalogue, type CatalogueEntry, findModel } from '../catalogue.ts'
import type { Inference } from '../inference.ts'
import { limitBody } from '../limit-body.ts'
import type { Variables } from '../log.ts'
import { readRequest } from './infer-request.ts'
import { writeResponse } from './infer-response.ts'

export interface OipOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly version: string
  readonly maxBodyBytes: number
}

type Env = { Variables: Variables }

/** Open Inference Protocol v2. */
export function oipRoutes({ catalogue, inference, version, maxBodyBytes }: OipOptions) {
  const entryOf = (c: Context) => findModel(catalogue, c.req.param('name') ?? '', c.req.param('version'))

  const ready = (c: Context) => {
    const entry = entryOf(c)
    const state = inference.state(entry)
    if (state === 'ready') return c.json({ name: entry.manifest.id, ready: true })
    throw new SpillwayError('lane_failed', `${entry.manifest.id} is not ready`, {
      expected: 'ready',
      got: state,
    })
  }

  const reportQueue = (c: Context<Env>, entry: CatalogueEntry) =>
    c.header(queueHeader, inference.queueMs(entry).toFixed(1))

  const infer = async (c: Context<Env>) => {
    const entry = entryOf(c)
    try {
      const { request, inputs, outputs, deadlineMs, priority } = await readRequest(c, entry.manifest)
      const result = await inference.run(entry, inputs, { signal: callerGone(c), deadlineMs, priority })
      c.set('inference', {
        model: entry.manifest.id,
        rows: inputs.rows,
        queueMs: result.queueMs,
        computeMs: result.computeMs,
      })
      reportQueue(c, entry)
      return writeResponse(c, entry.manifest, request, outputs, result)
    } catch (cause) {
      reportQueue(c, entry)
      throw cause
    }
  }

  const app = new Hono<Env>()
    .get('/', (c) => c.json({ name: 'spillway', version, extensions: [binaryExtension] }))
    .get('/health/live', (c) => c.json({ live: true }))
    // As the protocol has it: a server is ready when all of its models are.
    .get('/health/ready', (c) => {
      const states = [...catalogue.values()].map(
        (entry) => [entry.manifest.id, inference.state(entry)] as const,
      )
      const missing = states.filter(([, state]) => state !== 'ready')
      if (missing.length === 0) return c.json({ ready: true })
      throw new SpillwayError('lane_failed', 'The server is not ready', {
        expected: 'every model ready',
        got: missing.map(([id, state]) => `${id} ${state}`).join(', '),
        retryAfterMs: 1000,
      })
    })
  for (const path of ['/models/:name', '/models/:name/versions/:version'] as const) {
    app.get(path, (c) => c.json(modelMetadata(entryOf(c).manifest)))
    app.get(`${path}/ready`, ready)
    app.post(`${path}/infer`, limitBody(maxBodyBytes), infer)
  }
  return app
}

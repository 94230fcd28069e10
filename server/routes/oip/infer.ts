import { type Context, Hono } from 'hono'
import { queueHeader } from '../../../models/protocols/oip.ts'
import { corsHeaders } from '../../http/cors.ts'
import { disconnectSignal } from '../../http/disconnect-signal.ts'
import type { Variables } from '../../http/log.ts'
import { readBody } from '../../http/read-body.ts'
import { type Catalogue, type CatalogueEntry, findModel } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import { readRequest } from './infer-request.ts'
import { writeResponse } from './infer-response.ts'

export interface InferOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly maxBodyBytes: number
}

type Env = { Variables: Variables }

/**
 * A run, by the Open Inference Protocol. It may be asked for thousands of times a second, so it stands before what other
 * addresses share, and tells its headers once, as a plain object: `Headers` cost more than many a run.
 */
export function inferRoutes({ catalogue, inference, maxBodyBytes }: InferOptions) {
  const queueMs = (entry: CatalogueEntry) => inference.queueMs(entry).toFixed(1)

  /** The body ends with it: a request that waits holds its tensors only. */
  const read = async (c: Context<Env>, { manifest }: CatalogueEntry) =>
    readRequest(c, await readBody(c, maxBodyBytes), manifest)

  const answer = async (c: Context<Env>, entry: CatalogueEntry) => {
    // Before the request is read: a server that has too much to do leaves that undone.
    const refusal = inference.refusal(entry)
    if (refusal) throw refusal
    const { id, inputs, outputs, deadlineMs, priority } = await read(c, entry)
    const result = await inference.run(entry, inputs, { signal: disconnectSignal(c), deadlineMs, priority })
    c.set('inference', {
      model: entry.manifest.id,
      rows: inputs.rows,
      queueMs: result.queueMs,
      computeMs: result.computeMs,
    })
    const { headers, body } = writeResponse(entry.manifest, id, outputs, result)
    return new Response(body, { headers: { ...corsHeaders, [queueHeader]: queueMs(entry), ...headers } })
  }

  const infer = async (c: Context<Env>) => {
    const entry = findModel(catalogue, c.req.param('name') ?? '', c.req.param('version'))
    try {
      return await answer(c, entry)
    } catch (cause) {
      c.header(queueHeader, queueMs(entry))
      throw cause
    }
  }

  return new Hono<Env>()
    .post('/models/:name/infer', infer)
    .post('/models/:name/versions/:version/infer', infer)
}

import { type Context, Hono } from 'hono'
import { queueHeader } from '../../../models/protocols/oip.ts'
import { corsHeaders } from '../../http/cors.ts'
import { disconnectSignal } from '../../http/disconnect-signal.ts'
import { readBody } from '../../http/read-body.ts'
import { requestIdHeader, type Variables } from '../../http/request-log.ts'
import { type Catalogue, type CatalogueEntry, findModel } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import { readInferRequest } from './read-infer-request.ts'
import { writeInferResponse } from './write-infer-response.ts'

export interface InferOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly maxBodyBytes: number
  readonly maxRequestMs: number
}

type Env = { Variables: Variables }

/**
 * Infer requests of the Open Inference Protocol. They come thousands of times a second, so these routes are registered
 * before the middleware that other routes share, and pass their headers as one plain object: a `Headers` object costs
 * more than many runs.
 */
export function inferRoutes({ catalogue, inference, maxBodyBytes, maxRequestMs }: InferOptions) {
  const queueMs = (entry: CatalogueEntry) => inference.queueMs(entry).toFixed(1)

  /** A function of its own, so that the body is freed when it returns: a waiting request holds its tensors only. */
  const read = async (c: Context<Env>, { manifest }: CatalogueEntry) =>
    readInferRequest(c, await readBody(c, maxBodyBytes), manifest)

  const answer = async (c: Context<Env>, entry: CatalogueEntry) => {
    // A full queue refuses the request before its body is read: an overloaded server saves that work.
    const refusal = inference.refusal(entry)
    if (refusal) throw refusal
    const { id, inputs, outputs, priority, ...asked } = await read(c, entry)
    const deadlineMs = Math.min(asked.deadlineMs, maxRequestMs)
    const result = await inference.run(entry, inputs, { signal: disconnectSignal(c), deadlineMs, priority })
    c.set('inference', {
      model: entry.manifest.id,
      rows: inputs.rows,
      queueMs: result.queueMs,
      computeMs: result.computeMs,
    })
    const { headers, body } = writeInferResponse(entry.manifest, id, outputs, result)
    const requestId = c.get('requestId')
    if (requestId !== undefined) c.set('hasRequestId', true)
    return new Response(body, {
      headers: {
        ...corsHeaders,
        [queueHeader]: queueMs(entry),
        ...(requestId !== undefined && { [requestIdHeader]: requestId }),
        ...headers,
      },
    })
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

import { type Context, Hono } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import type { Manifest } from '../../../models/core/index.ts'
import { jsonLengthHeader } from '../../../models/protocols/oip-binary.ts'
import { turnOptions } from '../../auth/turn-options.ts'
import { BodyMemory } from '../../http/body-memory.ts'
import { answerHeaders } from '../../http/cors.ts'
import { disconnectSignal } from '../../http/disconnect-signal.ts'
import { errorResponse } from '../../http/errors.ts'
import { readBody } from '../../http/read-body.ts'
import type { Log, Variables } from '../../http/request-log.ts'
import { limitsWithin, readRequestTimeout } from '../../http/request-timeout.ts'
import { type Catalogue, type CatalogueEntry, findModel } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import type { RequestWait } from '../../inference/request-wait.ts'
import { runRequest } from '../../inference/run-request.ts'
import { jobOf } from '../../offload/job-of.ts'
import type { Offload } from '../../offload/offload.ts'
import type { RequestLimits } from '../../request-limits.ts'
import { copyAnswer } from './copy-answer.ts'
import { inferHeaders, refusalOf } from './infer-refusal.ts'
import { type CheckedInferRequest, deadlineBeforeParsing, readInferRequest } from './read-infer-request.ts'
import { type InferAnswer, writeInferResponse } from './write-infer-response.ts'

export interface InferOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly offload: Offload
  readonly maxBodyBytes: number
  readonly requestLimits: RequestLimits
  readonly clock: Clock
  readonly log: Log
}

/** A request, and when it had arrived whole, on the clock. */
interface ArrivedRequest {
  readonly request: CheckedInferRequest
  readonly askedAt: number
  /** What its tensors are views of. */
  readonly memory?: ArrayBufferLike
}

/** Bytes of JSON, and numbers to write as JSON, that are handled on the server's own thread: a message would cost more. */
const mostReadHere = 262_144
const mostWrittenHere = 20_000

type Env = { Variables: Variables }

/**
 * Infer requests of the Open Inference Protocol. They come thousands of times a second, so these routes are registered
 * before the middleware that other routes share, and pass their headers as one plain object: a `Headers` object costs
 * more than many runs.
 */
export function inferRoutes({
  catalogue,
  inference,
  offload,
  maxBodyBytes,
  requestLimits,
  clock,
  log,
}: InferOptions) {
  const bodyMemory = new BodyMemory()
  /** A function of its own, so that the body is freed when it returns: a waiting request holds its tensors only. */
  const read = async (
    c: Context<Env>,
    { manifest }: CatalogueEntry,
    limits: RequestLimits,
  ): Promise<ArrivedRequest> => {
    const jsonLength = c.req.header(jsonLengthHeader)
    const body = await readBody(c, maxBodyBytes, {
      alignedAt: Number(jsonLength ?? 0),
      memory: bodyMemory,
      arriving: { bodies: offload.arriving, caller: turnOptions(c) },
    })
    const askedAt = clock.now()
    const isAllDecoded = jsonLength === undefined || hasStrings(manifest)
    const isLarge = (isAllDecoded ? body.length : Number(jsonLength)) > mostReadHere
    if (!isLarge) {
      const request = readInferRequest(body, jsonLength, manifest, limits)
      return { request, askedAt, memory: body.buffer }
    }
    const json = jsonLength === undefined ? body : body.subarray(0, Number(jsonLength))
    const wait = {
      signal: disconnectSignal(c),
      ...turnOptions(c),
      askedAt,
      deadlineMs: deadlineBeforeParsing(json, limits),
    }
    const task = { body, jsonLength, manifest, limits }
    return { request: await offload.run('readTensors', task, jobOf(wait, [body])), askedAt }
  }

  const write = (wait: RequestWait, answer: InferAnswer) =>
    numbersToWrite(answer) > mostWrittenHere
      ? offload.run('writeTensors', ...copyAnswer(wait, answer))
      : writeInferResponse(answer)

  const answer = async (c: Context<Env>, entry: CatalogueEntry) => {
    // A full queue refuses the request before its body is read: an overloaded server saves that work.
    const timeoutMs = readRequestTimeout(c)
    const refusal = refusalOf(c, inference, entry, timeoutMs)
    if (refusal) throw refusal
    const {
      request: { id, inputs, outputs, deadlineMs, priority },
      askedAt,
      memory,
    } = await read(c, entry, limitsWithin(requestLimits, timeoutMs))
    const wait = {
      signal: disconnectSignal(c),
      askedAt,
      deadlineMs,
      ...turnOptions(c, priority),
      requestId: c.get('requestId'),
      span: c.get('span'),
    }
    const result = await runRequest(c, inference, entry, inputs, wait)
    // The lane has read it all. Where the request failed, it may be about to; an upstream may be sending it still.
    if (memory && result.replica === undefined) bodyMemory.giveBack(memory)
    const { headers, body } = await write(wait, {
      model: entry.manifest,
      id,
      requested: outputs,
      answer: result,
    })
    return new Response(body, { headers: Object.assign(ownHeaders(c, entry), answerHeaders(c), headers) })
  }

  const ownHeaders = (c: Context<Env>, entry: CatalogueEntry) => inferHeaders(c, inference, entry)

  const infer = async (c: Context<Env>) => {
    const entry = findModel(catalogue, c.req.param('name') ?? '', c.req.param('version'))
    c.set('model', entry.manifest.id)
    try {
      return await answer(c, entry)
    } catch (cause) {
      return errorResponse(log, c, cause, ownHeaders(c, entry))
    }
  }

  return new Hono<Env>()
    .post('/models/:name/infer', infer)
    .post('/models/:name/versions/:version/infer', infer)
}

/** Strings after the JSON part are decoded, as it is; numbers are only copied. */
const hasStrings = ({ inputs }: Manifest) => inputs.some(({ type }) => type === 'string')

function numbersToWrite({ requested, answer: { outputs } }: InferAnswer): number {
  let numbers = 0
  for (const { name, binary, classification } of requested)
    if (!binary || classification) numbers += outputs[name]?.data.length ?? 0
  return numbers
}

import { type Context, Hono } from 'hono'
import * as z from 'zod/mini'
import { checkInputs, type Manifest, SpillwayError, type Tensor } from '../../models/index.ts'
import {
  datatypeOf,
  decodeTensor,
  encodeTensor,
  type InferRequest,
  type InferResponse,
  inferRequest,
  modelMetadata,
  queueHeader,
} from '../../models/oip.ts'
import type { Answer } from '../../workers/scheduler/work.ts'
import { callerGone } from '../caller.ts'
import { type Catalogue, type CatalogueEntry, findModel } from '../catalogue.ts'
import type { Inference } from '../inference.ts'
import { limitBody } from '../limit-body.ts'
import type { Variables } from '../log.ts'

export interface OipOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly version: string
  readonly maxBodyBytes: number
}

/** Milliseconds that a request may take where it does not say, and at most. */
const defaultDeadlineMs = 30_000
const maxDeadlineMs = 600_000

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
      const request = parseRequest(await readBody(c))
      const inputs = checkInputs(entry.manifest, decodeInputs(entry.manifest, request))
      const wanted = wantedOutputs(entry.manifest, request)
      const result = await inference.run(entry, inputs, {
        signal: callerGone(c),
        deadlineMs: deadlineOf(request),
      })
      c.set('inference', {
        model: entry.manifest.id,
        rows: inputs.rows,
        queueMs: result.queueMs,
        computeMs: result.computeMs,
      })
      reportQueue(c, entry)
      return c.json(toResponse(entry, request, wanted, result))
    } catch (cause) {
      reportQueue(c, entry)
      throw cause
    }
  }

  const app = new Hono<Env>()
    .get('/', (c) => c.json({ name: 'spillway', version, extensions: [] }))
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

/** A body that breaks off is its client's leaving, and no fault of the server's. */
const readBody = (c: Context): Promise<string> =>
  c.req.text().catch((cause: unknown) => {
    throw SpillwayError.from(cause, 'aborted', 'The request broke off')
  })

function parseRequest(body: string): InferRequest {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', 'The request is not JSON')
  }
  const parsed = z.safeParse(inferRequest, value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new SpillwayError(
    'request_malformed',
    `The request is wrong at ${issue?.path.join('.') || 'its root'}`,
    {
      expected: issue?.message ?? 'an Open Inference Protocol request',
    },
  )
}

function decodeInputs(manifest: Manifest, request: InferRequest): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {}
  for (const wire of request.inputs) {
    const spec = manifest.inputs.find(({ name }) => name === wire.name)
    if (spec && wire.datatype !== datatypeOf(spec.type)) {
      throw new SpillwayError('input_type_invalid', `Input "${wire.name}" has the wrong datatype`, {
        expected: datatypeOf(spec.type),
        got: wire.datatype,
      })
    }
    if (Object.hasOwn(inputs, wire.name)) {
      throw new SpillwayError('input_name_invalid', `Input "${wire.name}" is given twice`, {
        expected: 'each input once',
      })
    }
    inputs[wire.name] = decodeTensor(wire)
  }
  return inputs
}

function wantedOutputs({ id, outputs }: Manifest, request: InferRequest): string[] {
  const known = outputs.map(({ name }) => name)
  const wanted = request.outputs?.map(({ name }) => name) ?? known
  // An output given twice would be encoded twice: a small request must not make a huge answer.
  const wrong = wanted.find((name, index) => !known.includes(name) || wanted.indexOf(name) !== index)
  if (wrong === undefined) return wanted
  throw new SpillwayError('output_name_invalid', `${id} has no output "${wrong}" to give`, {
    expected: `${known.join(', ')}, each once`,
    got: wrong,
  })
}

/** The request's `timeout` is in microseconds. */
function deadlineOf({ parameters }: InferRequest): number {
  const timeout = parameters?.timeout
  if (timeout === undefined) return defaultDeadlineMs
  if (typeof timeout === 'number' && timeout > 0) return Math.min(timeout / 1000, maxDeadlineMs)
  throw new SpillwayError('request_malformed', 'The parameter "timeout" is wrong', {
    expected: 'microseconds above zero',
    got: JSON.stringify(timeout),
  })
}

function toResponse(
  { manifest }: CatalogueEntry,
  { id }: InferRequest,
  wanted: string[],
  result: Answer,
): InferResponse {
  return {
    model_name: manifest.id,
    model_version: manifest.version,
    ...(id === undefined ? {} : { id }),
    parameters: {
      backend: result.ranOn.backend,
      variant: result.ranOn.variant,
      queue_ms: result.queueMs,
      compute_ms: result.computeMs,
    },
    outputs: wanted.map((name) => encodeOutput(name, result.outputs[name])),
  }
}

function encodeOutput(name: string, tensor: Tensor | undefined) {
  if (!tensor) throw new SpillwayError('internal', `The lane gave no output "${name}"`)
  try {
    return encodeTensor(name, tensor)
  } catch (cause) {
    throw new SpillwayError(
      'run_failed',
      `Output ${SpillwayError.from(cause, 'internal', name).message}`,
      {},
      { cause },
    )
  }
}

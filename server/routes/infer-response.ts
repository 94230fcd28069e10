import type { Context } from 'hono'
import { type Manifest, SpillwayError, type Tensor } from '../../models/index.ts'
import { encodeTensor, type InferRequest, type InferResponse, type WireTensor } from '../../models/oip.ts'
import { binaryTensor, joinBody, jsonLengthHeader } from '../../models/oip-binary.ts'
import type { Answer } from '../../workers/scheduler/work.ts'
import type { WantedOutput } from './infer-request.ts'

/** The answer as the client wants it: JSON, or JSON with tensors behind it. */
export function writeResponse(
  c: Context,
  { id: model, version }: Manifest,
  { id }: InferRequest,
  wanted: readonly WantedOutput[],
  { outputs, ranOn, queueMs, computeMs }: Answer,
): Response {
  const behind: Tensor[] = []
  const write = ({ name, binary }: WantedOutput): WireTensor => {
    const tensor = outputs[name]
    if (!tensor) throw new SpillwayError('internal', `The lane gave no output "${name}"`)
    if (!binary) return encodeOutput(name, tensor)
    behind.push(tensor)
    return binaryTensor(name, tensor)
  }
  const response: InferResponse = {
    model_name: model,
    model_version: version,
    id,
    parameters: {
      backend: ranOn.backend,
      variant: ranOn.variant,
      queue_ms: queueMs,
      compute_ms: computeMs,
    },
    outputs: wanted.map(write),
  }
  if (behind.length === 0) return c.json(response)
  const json = new TextEncoder().encode(JSON.stringify(response))
  c.header(jsonLengthHeader, String(json.length))
  c.header('content-type', 'application/octet-stream')
  return c.body(joinBody(json, behind))
}

function encodeOutput(name: string, tensor: Tensor): WireTensor {
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

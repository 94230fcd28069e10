import { type Manifest, SpillwayError, type Tensor } from '../../../models/core/index.ts'
import { encodeTensor, type InferResponse, type WireTensor } from '../../../models/protocols/oip.ts'
import { binaryTensor, joinBody, jsonLengthHeader } from '../../../models/protocols/oip-binary.ts'
import type { RunAnswer } from '../../../workers/host/scheduler/work.ts'
import type { WantedOutput } from './infer-request.ts'

interface Written {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer>
}

/** The answer as the client wants it: JSON, or JSON with tensors behind it. */
export function writeResponse(
  { id: model, version }: Manifest,
  id: string | undefined,
  wanted: readonly WantedOutput[],
  { outputs, executedOn, queueMs, computeMs }: RunAnswer,
): Written {
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
      backend: executedOn.backend,
      variant: executedOn.variant,
      queue_ms: queueMs,
      compute_ms: computeMs,
    },
    outputs: wanted.map(write),
  }
  const text = JSON.stringify(response)
  if (behind.length === 0) return { headers: { 'content-type': 'application/json' }, body: text }
  const json = new TextEncoder().encode(text)
  return {
    headers: { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(json.length) },
    body: joinBody(json, behind),
  }
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

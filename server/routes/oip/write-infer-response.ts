import { type Manifest, SpillwayError, type Tensor } from '../../../models/core/index.ts'
import { encodeTensor } from '../../../models/protocols/oip.ts'
import {
  binaryTensor,
  elementBytes,
  joinBody,
  jsonLengthHeader,
} from '../../../models/protocols/oip-binary.ts'
import type { InferResponse, WireTensor } from '../../../models/protocols/oip-schemas.ts'
import { stringifyJson } from '../../../models/protocols/raw-numbers.ts'
import type { RunAnswer } from '../../../workers/host/scheduler/work.ts'
import { classify } from './classify.ts'
import type { RequestedOutput } from './read-infer-request.ts'

interface EncodedResponse {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer>
}

/** The answer of a run, and what decides how it is written. */
export interface InferAnswer {
  readonly model: Pick<Manifest, 'id' | 'version'>
  /** The client's id of the request. */
  readonly id: string | undefined
  readonly requested: readonly RequestedOutput[]
  readonly answer: Pick<RunAnswer, 'outputs' | 'executedOn' | 'queueMs' | 'computeMs'>
}

/** Encodes the answer in the form that the client asked for: JSON, or JSON followed by binary tensors. */
export function writeInferResponse({
  model: { id: model, version },
  id,
  requested,
  answer: { outputs, executedOn, queueMs, computeMs },
}: InferAnswer): EncodedResponse {
  const binaryTensors: Uint8Array[] = []
  const encode = (requested: RequestedOutput): WireTensor => {
    const { name, binary } = requested
    const tensor = tensorOf(outputs, requested)
    if (!binary) return encodeOutput(name, tensor)
    const bytes = elementBytes(tensor)
    binaryTensors.push(bytes)
    return binaryTensor(name, tensor, bytes)
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
    outputs: requested.map(encode),
  }
  const text = stringifyJson(response)
  if (binaryTensors.length === 0) return { headers: { 'content-type': 'application/json' }, body: text }
  const json = new TextEncoder().encode(text)
  return {
    headers: { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(json.length) },
    body: joinBody(json, binaryTensors),
  }
}

/** A requested output: its tensor, or its highest values where those are asked for. */
export function tensorOf(outputs: RunAnswer['outputs'], { name, classification }: RequestedOutput): Tensor {
  const output = outputs[name]
  if (!output) throw new SpillwayError('internal', `The lane returned no output "${name}"`)
  return classification ? classify(output, classification) : output
}

function encodeOutput(name: string, tensor: Tensor): WireTensor {
  try {
    return encodeTensor(name, tensor)
  } catch (cause) {
    // The run went well; the client asked for a form that cannot carry its result.
    throw new SpillwayError(
      'not_supported',
      `Output ${SpillwayError.from(cause, 'internal', name).message}`,
      { hint: 'Ask for it with "binary_data": true.' },
      { cause },
    )
  }
}

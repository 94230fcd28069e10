import * as z from 'zod/mini'
import {
  type Backend,
  backends,
  fitsShape,
  type Manifest,
  messageOf,
  SpillwayError,
  showShape,
  type Tensor,
} from '../../models/index.ts'
import { decodeTensor, encodeTensor, type InferResponse, inferResponse } from '../../models/oip.ts'
import type { Clock } from '../../workers/clock.ts'
import { requestJson } from './request.ts'

export interface InferOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** The bound on the whole exchange, in milliseconds; the server is told. */
  readonly timeoutMs: number
  readonly onHeaders: (headers: Headers) => void
}

export interface Inferred {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly backend: Backend | 'unknown'
  readonly variant: string
  readonly queueMs: number
  readonly computeMs: number
}

/** Runs a model on any server that speaks the Open Inference Protocol. */
export async function infer(
  server: URL,
  manifest: Manifest,
  inputs: Readonly<Record<string, Tensor>>,
  { clock, signal, timeoutMs, onHeaders }: InferOptions,
): Promise<Inferred> {
  const url = new URL(`v2/models/${manifest.id}/versions/${manifest.version}/infer`, server)
  const answer = await requestJson(url, {
    clock,
    signal,
    timeoutMs,
    onHeaders,
    method: 'POST',
    body: JSON.stringify({
      // The protocol's `timeout` is in microseconds.
      parameters: { timeout: Math.ceil(timeoutMs * 1000) },
      inputs: Object.entries(inputs).map(([name, tensor]) => encodeTensor(name, tensor)),
    }),
  })
  const parsed = z.safeParse(inferResponse, answer)
  if (!parsed.success) throw invalid(server, z.prettifyError(parsed.error))
  const { parameters } = parsed.data
  return {
    outputs: readOutputs(server, manifest, parsed.data),
    backend: backends.find((backend) => backend === parameters?.backend) ?? 'unknown',
    variant: typeof parameters?.variant === 'string' ? parameters.variant : 'unknown',
    queueMs: milliseconds(parameters?.queue_ms),
    computeMs: milliseconds(parameters?.compute_ms),
  }
}

function readOutputs(server: URL, manifest: Manifest, response: InferResponse): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {}
  for (const { name, type, shape } of manifest.outputs) {
    const wire = response.outputs.find((output) => output.name === name)
    if (!wire) throw invalid(server, `no output "${name}"`)
    const tensor = decode(server, wire)
    if (tensor.type !== type || !fitsShape(tensor.shape, shape)) {
      throw invalid(
        server,
        `${tensor.type} ${showShape(tensor.shape)} for "${name}", not ${type} ${showShape(shape)}`,
      )
    }
    outputs[name] = tensor
  }
  return outputs
}

function decode(server: URL, wire: InferResponse['outputs'][number]): Tensor {
  try {
    return decodeTensor(wire)
  } catch (cause) {
    throw invalid(server, messageOf(cause))
  }
}

const milliseconds = (value: unknown): number => (typeof value === 'number' ? value : 0)

const invalid = (server: URL, got: string) =>
  new SpillwayError('server_response_invalid', `The server at ${server.origin} answered wrongly`, {
    expected: 'an Open Inference Protocol response with the outputs of the manifest',
    got,
  })

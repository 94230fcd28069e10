import * as z from 'zod/mini'
import type { Clock } from '../../models/async/clock.ts'
import {
  type Backend,
  backends,
  fitsShape,
  type Manifest,
  messageOf,
  SpillwayError,
  schemaError,
  showShape,
  type Tensor,
  type TensorSpec,
} from '../../models/core/index.ts'
import { decodeTensor, encodeTensor } from '../../models/protocols/oip.ts'
import {
  BinaryReader,
  binarySize,
  binaryTensor,
  elementBytes,
  joinBody,
  jsonLengthHeader,
  splitBody,
} from '../../models/protocols/oip-binary.ts'
import { inferResponse } from '../../models/protocols/oip-schemas.ts'
import { stringifyJson } from '../../models/protocols/raw-numbers.ts'
import { type HttpResponse, type RequestOptions, readJson, requestBytes } from './request.ts'
import type { RequestHeaders } from './request-headers.ts'

export interface InferOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Bounds the whole exchange. */
  readonly timeoutMs: number
  /** Milliseconds for which the answer is awaited. The server gets them as the protocol's `timeout`. */
  readonly withinMs: number
  /** Whether the server is known to take binary tensors. */
  readonly binary: boolean
  /** Names of the outputs to ask for; undefined for all. */
  readonly outputs: readonly string[] | undefined
  readonly pageHeaders: RequestHeaders
  readonly onHeaders: (headers: Headers) => void
}

export interface Inferred {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly backend: Backend | 'unknown'
  readonly variant: string
  readonly queueMs: number
  readonly computeMs: number
}

/**
 * Runs a model on any server that speaks the Open Inference Protocol.
 *
 * @throws SpillwayError As `requestBytes`; `server_response_invalid` for outputs that are not the manifest's; and, in
 * JSON, `not_supported` for half floats.
 */
export async function infer(
  server: URL,
  manifest: Manifest,
  inputs: Readonly<Record<string, Tensor>>,
  { clock, signal, timeoutMs, withinMs, binary, outputs: names, pageHeaders, onHeaders }: InferOptions,
): Promise<Inferred> {
  const url = new URL(`v2/models/${manifest.id}/versions/${manifest.version}/infer`, server)
  const written = (binary ? writeBinary : writeJson)(inputs, {
    parameters: {
      timeout: timeoutOf(withinMs),
      ...((binary || isSameOrigin(server)) && { binary_data_output: true }),
    },
    ...(names && { outputs: names.map((name) => ({ name })) }),
  })
  const response = await requestBytes(url, {
    clock,
    signal,
    timeoutMs,
    pageHeaders,
    onHeaders,
    method: 'POST',
    ...written,
  })
  const { json, tensors } = splitResponse(server, response)
  const answer = readAnswer(url, response, json)
  const parsed = z.safeParse(inferResponse, answer)
  if (!parsed.success)
    throw schemaError('server_response_invalid', `The answer of ${server.origin}`, parsed.error, answer)
  const { parameters, outputs } = parsed.data
  return {
    outputs: readOutputs(server, specsOf(manifest, names), outputs, tensors),
    backend: backends.find((backend) => backend === parameters?.backend) ?? 'unknown',
    variant: typeof parameters?.variant === 'string' ? parameters.variant : 'unknown',
    queueMs: milliseconds(parameters?.queue_ms),
    computeMs: milliseconds(parameters?.compute_ms),
  }
}

type Body = Pick<RequestOptions, 'body' | 'headers'>
type Tensors = Readonly<Record<string, Tensor>>

/** The protocol's `timeout` is in microseconds. */
const timeoutOf = (withinMs: number) => Math.ceil(withinMs * 1000)

/**
 * A server of the page's own origin is asked for binary outputs before it is known to have them: without the extension
 * it answers in JSON. A server of another origin may send them and hide the header that says where they begin.
 */
const isSameOrigin = (server: URL) => server.origin === globalThis.location?.origin

/** The parts of the JSON besides its inputs. */
interface Head {
  readonly parameters: { readonly timeout: number; readonly binary_data_output?: true }
  readonly outputs?: readonly { readonly name: string }[]
}

const writeJson = (inputs: Tensors, head: Head): Body => ({
  body: stringifyJson({
    ...head,
    inputs: Object.entries(inputs).map(([name, tensor]) => encodeTensor(name, tensor)),
  }),
})

function writeBinary(inputs: Tensors, head: Head): Body {
  const elements: Uint8Array[] = []
  const wires = Object.entries(inputs).map(([name, tensor]) => {
    const bytes = elementBytes(tensor)
    elements.push(bytes)
    return binaryTensor(name, tensor, bytes)
  })
  const json = new TextEncoder().encode(JSON.stringify({ ...head, inputs: wires }))
  return {
    body: joinBody(json, elements),
    headers: { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(json.length) },
  }
}

function splitResponse(server: URL, { headers, bytes }: HttpResponse) {
  const length = headers.get(jsonLengthHeader)
  return length === null
    ? { json: bytes, tensors: new Uint8Array(0) }
    : blameServer(server, () => splitBody(bytes, length))
}

const specsOf = ({ outputs }: Manifest, names: readonly string[] | undefined): readonly TensorSpec[] =>
  names ? outputs.filter(({ name }) => names.includes(name)) : outputs

/** Triton writes NaN and infinities as they are, which JSON does not have. */
function readAnswer(url: URL, { headers }: HttpResponse, json: Uint8Array): unknown {
  const response = { status: 200, headers }
  try {
    return readJson(url, response, json)
  } catch (cause) {
    const text = new TextDecoder().decode(json)
    const quoted = text.replace(stringsAndNotFinite, (part) => (part.startsWith('"') ? part : `"${part}"`))
    if (quoted === text) throw cause
    return readJson(url, response, new TextEncoder().encode(quoted))
  }
}

const stringsAndNotFinite = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/g

function readOutputs(
  server: URL,
  specs: readonly TensorSpec[],
  wires: z.infer<typeof inferResponse>['outputs'],
  tensors: Uint8Array,
): Record<string, Tensor> {
  // In the response's own order, in which the binary tensors follow each other.
  const reader = new BinaryReader(tensors)
  const received = new Map(
    wires.map((wire) => [
      wire.name,
      blameServer(server, () => (binarySize(wire) === undefined ? decodeTensor(wire) : reader.read(wire))),
    ]),
  )
  blameServer(server, () => reader.end())
  const outputs: Record<string, Tensor> = {}
  for (const { name, type, shape } of specs) {
    const tensor = received.get(name)
    if (!tensor) throw invalidResponse(server, `no output "${name}"`)
    if (tensor.type !== type || !fitsShape(tensor.shape, shape)) {
      throw invalidResponse(
        server,
        `${tensor.type} ${showShape(tensor.shape)} for "${name}", not ${type} ${showShape(shape)}`,
      )
    }
    outputs[name] = tensor
  }
  return outputs
}

/** An error in reading a response is the server's fault, not the request's. */
function blameServer<T>(server: URL, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw invalidResponse(server, messageOf(cause))
  }
}

const milliseconds = (value: unknown): number => (typeof value === 'number' ? value : 0)

const invalidResponse = (server: URL, got: string) =>
  new SpillwayError('server_response_invalid', `The server at ${server.origin} sent an invalid response`, {
    expected: 'an Open Inference Protocol response with the outputs of the manifest',
    got,
  })

/** A client's side of an infer request of the Open Inference Protocol: its body, and the outputs of its answer. */
import * as z from 'zod/mini'
import { messageOf, SpillwayError } from '../core/error.ts'
import { schemaError } from '../core/schema-error.ts'
import { fitsShape, showShape, type Tensor } from '../core/tensor.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import { decodeTensor, encodeTensor } from './oip.ts'
import {
  BinaryReader,
  binarySize,
  binaryTensor,
  elementBytes,
  joinBody,
  jsonLengthHeader,
  splitBody,
} from './oip-binary.ts'
import { type InferResponse, inferResponse } from './oip-schemas.ts'
import { stringifyJson } from './raw-numbers.ts'
import { type ResponseHead, readJson, type ServerAddress } from './responses.ts'
import { decodeUtf8, encodeUtf8 } from './utf8.ts'

type Tensors = Readonly<Record<string, Tensor>>

/** The parts of a request's JSON besides its inputs. */
export interface InferHead {
  readonly id?: string
  readonly parameters: { readonly timeout?: number; readonly binary_data_output?: true }
  readonly outputs?: readonly { readonly name: string }[]
}

/** A request's body and the headers that describe it. */
export interface InferBody {
  readonly body: string | Uint8Array<ArrayBuffer>
  readonly headers: Readonly<Record<string, string>>
}

/** The protocol's `timeout` is in microseconds. */
export const timeoutOf = (ms: number): number => Math.ceil(ms * 1000)

/** @throws SpillwayError `not_supported` for half floats. */
export const writeJson = (inputs: Tensors, head: InferHead): InferBody => ({
  body: stringifyJson({
    ...head,
    inputs: Object.entries(inputs).map(([name, tensor]) => encodeTensor(name, tensor)),
  }),
  headers: { 'content-type': 'application/json' },
})

/** With the binary tensor extension. */
export function writeBinary(inputs: Tensors, head: InferHead): InferBody {
  const elements: Uint8Array[] = []
  const wires = Object.entries(inputs).map(([name, tensor]) => {
    const bytes = elementBytes(tensor)
    elements.push(bytes)
    return binaryTensor(name, tensor, bytes)
  })
  const json = encodeUtf8(JSON.stringify({ ...head, inputs: wires }))
  return {
    body: joinBody(json, elements),
    headers: { 'content-type': 'application/octet-stream', [jsonLengthHeader]: String(json.length) },
  }
}

/** What an infer request was answered with. */
export interface InferAnswer {
  readonly parameters: NonNullable<InferResponse['parameters']>
  /** Those that came, which are not yet compared with the manifest's. */
  readonly outputs: ReadonlyMap<string, Tensor>
}

/** @throws SpillwayError `server_response_invalid` for an answer that is not the protocol's. */
export function readAnswer(server: ServerAddress, response: ResponseHead, bytes: Uint8Array): InferAnswer {
  const length = response.headers.get(jsonLengthHeader)
  const { json, tensors } =
    length === null
      ? { json: bytes, tensors: new Uint8Array(0) }
      : blameServer(server, () => splitBody(bytes, length))
  const answer = readAnswerJson(server, response, json)
  const parsed = z.safeParse(inferResponse, answer)
  if (!parsed.success)
    throw schemaError('server_response_invalid', `The answer of ${server.origin}`, parsed.error, answer)
  // In the response's own order, in which the binary tensors follow each other.
  const reader = new BinaryReader(tensors)
  const outputs = new Map(
    parsed.data.outputs.map((wire) => [
      wire.name,
      blameServer(server, () => (binarySize(wire) === undefined ? decodeTensor(wire) : reader.read(wire))),
    ]),
  )
  blameServer(server, () => reader.end())
  return { parameters: parsed.data.parameters ?? {}, outputs }
}

/** Triton writes NaN and infinities as they are, which JSON does not have. */
function readAnswerJson(server: ServerAddress, response: ResponseHead, json: Uint8Array): unknown {
  try {
    return readJson(server, response, json)
  } catch (cause) {
    const text = blameServer(server, () => decodeUtf8(json))
    const quoted = text.replace(stringsAndNotFinite, (part) => (part.startsWith('"') ? part : `"${part}"`))
    if (quoted === text) throw cause
    return readJson(server, response, encodeUtf8(quoted))
  }
}

const stringsAndNotFinite = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/g

/**
 * The outputs that were asked for.
 *
 * @param specs Theirs, in the manifest.
 * @param invalid The error for an output that is missing, or is another than its spec says.
 */
export function takeOutputs(
  specs: readonly TensorSpec[],
  received: ReadonlyMap<string, Tensor>,
  invalid: (got: string) => SpillwayError,
): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = {}
  for (const { name, type, shape } of specs) {
    const tensor = received.get(name)
    if (!tensor) throw invalid(`no output "${name}"`)
    if (tensor.type !== type || !fitsShape(tensor.shape, shape)) {
      throw invalid(
        `${tensor.type} ${showShape(tensor.shape)} for "${name}", not ${type} ${showShape(shape)}`,
      )
    }
    outputs[name] = tensor
  }
  return outputs
}

/** Of the manifest's outputs those with the given names; all where none are given. */
export const outputSpecs = (
  { outputs }: { readonly outputs: readonly TensorSpec[] },
  names: readonly string[] | undefined,
): readonly TensorSpec[] => (names ? outputs.filter(({ name }) => names.includes(name)) : outputs)

export const invalidResponse = (server: ServerAddress, got: string): SpillwayError =>
  new SpillwayError('server_response_invalid', `The server at ${server.origin} sent an invalid response`, {
    expected: 'an Open Inference Protocol response with the outputs of the manifest',
    got,
  })

/** An error in reading a response is the server's fault, not the request's. */
function blameServer<T>(server: ServerAddress, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw invalidResponse(server, messageOf(cause))
  }
}

/** A time among an answer's parameters, which only a Spillway server sends. */
export const milliseconds = (value: unknown): number => (typeof value === 'number' ? value : 0)

import * as z from 'zod/mini'
import { batchAxisOf } from '../../../models/core/axes.ts'
import {
  type CheckedInputs,
  checkInputs,
  checkOutputNames,
  elementCount,
  type Manifest,
  SpillwayError,
  schemaError,
  showShape,
  type Tensor,
} from '../../../models/core/index.ts'
import { datatypeOf, decodeTensor } from '../../../models/protocols/oip.ts'
import { BinaryReader, binarySize, splitBody } from '../../../models/protocols/oip-binary.ts'
import { type InferRequest, inferRequest, type WireTensor } from '../../../models/protocols/oip-schemas.ts'
import type { Priority } from '../../../workers/host/scheduler/priority.ts'
import { checkRows, type RequestLimits } from '../../request-limits.ts'
import { type Classification, classificationExtension, readClassification } from './classify.ts'
import { findTimeout } from './find-timeout.ts'
import { parseTensorJson } from './parse-tensor-json.ts'
import { readRawInputs } from './raw-request.ts'
import { refuseUnsupportedParameters } from './unsupported-parameters.ts'

/** An infer request, checked against the manifest. */
export interface CheckedInferRequest {
  /** The client's id of the request, returned with the answer. */
  readonly id: string | undefined
  readonly inputs: CheckedInputs
  /** In the order of the request. */
  readonly outputs: readonly RequestedOutput[]
  readonly deadlineMs: number
  readonly priority: Priority
}

export interface RequestedOutput {
  readonly name: string
  /** Whether its data follows the JSON part as bytes. */
  readonly binary: boolean
  /** Present where its highest values are asked for, in place of all. */
  readonly classification?: Classification
}

/**
 * @param header The length of the JSON part, where binary tensors follow it.
 * @throws SpillwayError `request_malformed`, `input_*`, `output_name_invalid`, `not_supported`, or `body_too_large` for
 * too many rows.
 */
export function readInferRequest(
  body: Uint8Array,
  header: string | undefined,
  manifest: Manifest,
  limits: RequestLimits,
): CheckedInferRequest {
  if (header === '0') return rawRequest(body, manifest, limits)
  const { json, tensors } =
    header === undefined ? { json: body, tensors: noTensors } : splitBody(body, header)
  const exact = manifest.inputs.some(({ type }) => type === 'int64' || type === 'uint64')
  const request = header === undefined ? parseRequest(json, exact, limits) : parseCached(json, exact, limits)
  const binary = new BinaryReader(tensors, true)
  const decode = (wire: WireTensor) =>
    binarySize(wire) === undefined ? decodeTensor(wire) : binary.read(wire)
  const inputs = decodeInputs(manifest, request, decode, limits)
  binary.end()
  return checkInferRequest(manifest, request, inputs, limits)
}

/** @param tensors The inputs of the request. */
export function checkInferRequest(
  manifest: Manifest,
  request: InferRequest,
  tensors: Readonly<Record<string, Tensor>>,
  limits: RequestLimits,
): CheckedInferRequest {
  // No output listed means all, as in Triton.
  const listed = request.outputs?.length ? request.outputs : undefined
  const names =
    listed &&
    checkOutputNames(
      manifest,
      listed.map(({ name }) => name),
    )
  const inputs = checkInputs(manifest, tensors)
  return {
    id: request.id ?? undefined,
    inputs: names ? { ...inputs, outputs: names } : inputs,
    outputs: requestedOutputs(manifest, listed ?? manifest.outputs, request),
    deadlineMs: deadlineOf(request.parameters?.timeout, limits),
    priority: priorityOf(request),
  }
}

/**
 * Milliseconds for a request that is not parsed yet: its own timeout where that can be found, else the longest.
 *
 * @param json The part of its body that is JSON.
 */
export function deadlineBeforeParsing(json: Uint8Array, limits: RequestLimits): number {
  const timeout = findTimeout(json)
  if (timeout === 'unclear') return limits.maxTimeoutMs
  return deadlineOf(timeout === 'absent' ? undefined : timeout, limits)
}

function rawRequest(body: Uint8Array, manifest: Manifest, limits: RequestLimits): CheckedInferRequest {
  const inputs = checkInputs(manifest, readRawInputs(manifest, body))
  checkRows(inputs.rows, limits)
  return {
    id: undefined,
    inputs,
    outputs: manifest.outputs.map(({ name }) => ({ name, binary: true })),
    deadlineMs: limits.timeoutMs,
    priority: 'normal',
  }
}

function checkStrings({ name, shape }: WireTensor, { strings }: RequestLimits): void {
  if (elementCount(shape) <= strings) return
  throw new SpillwayError('input_size_invalid', `Input "${name}" has too many strings`, {
    expected: `at most ${strings}`,
    got: showShape(shape),
    hint: 'Send the rows in several requests.',
  })
}

/** An output of the request, or of the manifest. */
type Listed = Pick<NonNullable<InferRequest['outputs']>[number], 'name' | 'parameters'>

const noTensors = new Uint8Array(0)

/** A client sends the same JSON part before its binary tensors in request after request: it is parsed and checked once. */
const cache = new Map<string, InferRequest>()
const maxCached = 256
const maxCachedBytes = 1_024

function parseCached(json: Uint8Array, exact: boolean, limits: RequestLimits): InferRequest {
  if (json.length > maxCachedBytes) return parseRequest(json, exact, limits)
  const text = Buffer.from(json.buffer, json.byteOffset, json.length).toString('latin1')
  const cached = cache.get(text)
  if (cached) return cached
  const request = parseRequest(json, exact, limits)
  // Lists of numbers cannot be cached: they are views of memory that the next request overwrites.
  if (request.inputs.some(({ data }) => data)) return request
  if (cache.size === maxCached) cache.clear()
  cache.set(text, request)
  return request
}

/** @param exact Whether the model has inputs of 64-bit integers. */
function parseRequest(json: Uint8Array, exact: boolean, limits: RequestLimits): InferRequest {
  let value: unknown
  try {
    value = parseTensorJson(json, exact, limits.json)
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', 'The request is not JSON')
  }
  const parsed = z.safeParse(inferRequest, value)
  if (parsed.success) {
    refuseUnsupportedParameters(parsed.data)
    return parsed.data
  }
  throw schemaError('request_malformed', 'The request', parsed.error, value)
}

/** @param decode Reads the elements of the input at an index, once its datatype has been checked. */
export function decodeInputs(
  manifest: Manifest,
  { inputs: wires }: InferRequest,
  decode: (wire: WireTensor, index: number) => Tensor,
  limits: RequestLimits,
): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {}
  for (const [index, wire] of wires.entries()) {
    const spec = manifest.inputs.find(({ name }) => name === wire.name)
    if (spec && wire.datatype !== datatypeOf(spec.type)) {
      throw new SpillwayError('input_type_invalid', `Input "${wire.name}" has the wrong datatype`, {
        expected: datatypeOf(spec.type),
        got: wire.datatype,
      })
    }
    if (Object.hasOwn(inputs, wire.name)) {
      throw new SpillwayError('input_name_invalid', `Input "${wire.name}" appears twice`, {
        expected: 'each input once',
      })
    }
    const axis = spec ? batchAxisOf(manifest, spec) : null
    if (axis !== null) checkRows(wire.shape[axis] ?? 0, limits)
    if (wire.datatype === 'BYTES') checkStrings(wire, limits)
    inputs[wire.name] = decode(wire, index)
  }
  return inputs
}

function requestedOutputs(
  manifest: Manifest,
  outputs: readonly Listed[],
  request: InferRequest,
): RequestedOutput[] {
  const all = request.parameters?.binary_data_output === true
  return outputs.map(({ name, parameters }) => {
    const binary = parameters?.binary_data == null ? all : parameters.binary_data === true
    const classification = readClassification(manifest, name, parameters?.[classificationExtension])
    return classification ? { name, binary, classification } : { name, binary }
  })
}

/** The request's `timeout` is in microseconds; 0 means none, as in Triton. */
function deadlineOf(timeout: unknown, { timeoutMs, maxTimeoutMs }: RequestLimits): number {
  if (timeout == null || timeout === 0) return timeoutMs
  if (typeof timeout === 'number' && timeout > 0) return Math.min(timeout / 1000, maxTimeoutMs)
  throw new SpillwayError('request_malformed', 'The parameter "timeout" is invalid', {
    expected: 'a number of microseconds above zero',
    got: JSON.stringify(timeout),
  })
}

/** The request's `priority`: 1 is the highest, 0 the default. The scheduler has three levels: 3 and above are the lowest. */
function priorityOf({ parameters }: InferRequest): Priority {
  const priority = parameters?.priority ?? 0
  if (typeof priority !== 'number' || !Number.isInteger(priority) || priority < 0) {
    throw new SpillwayError('request_malformed', 'The parameter "priority" is invalid', {
      expected: 'a whole number (1 is the highest, 0 the default)',
      got: JSON.stringify(priority),
    })
  }
  if (priority === 1) return 'high'
  return priority <= 2 ? 'normal' : 'low'
}

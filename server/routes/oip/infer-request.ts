import type { Context } from 'hono'
import * as z from 'zod/mini'
import {
  type CheckedInputs,
  checkInputs,
  type Manifest,
  SpillwayError,
  schemaError,
  type Tensor,
} from '../../../models/core/index.ts'
import { datatypeOf, decodeTensor, type InferRequest, inferRequest } from '../../../models/protocols/oip.ts'
import {
  BinaryReader,
  binarySize,
  jsonLengthHeader,
  splitBody,
} from '../../../models/protocols/oip-binary.ts'
import type { Priority } from '../../../workers/host/scheduler/priority.ts'
import { parseTensorJson } from './tensor-json.ts'

/** Milliseconds that a request may take where it does not say, and at most. */
const defaultDeadlineMs = 30_000
const maxDeadlineMs = 600_000

/** What a client wants run, checked against the manifest. */
export interface ReadRequest {
  /** The request's own name, which its answer bears. */
  readonly id: string | undefined
  readonly inputs: CheckedInputs
  /** By name, in the order that they were asked for. */
  readonly outputs: readonly WantedOutput[]
  readonly deadlineMs: number
  readonly priority: Priority
}

export interface WantedOutput {
  readonly name: string
  /** Whether it goes behind the JSON part. */
  readonly binary: boolean
}

/** @throws SpillwayError `request_malformed`, `input_*`, `output_name_invalid` or `not_supported`. */
export function readRequest(c: Context, body: Uint8Array, manifest: Manifest): ReadRequest {
  const header = c.req.header(jsonLengthHeader)
  const { json, tensors } =
    header === undefined ? { json: body, tensors: noTensors } : splitBody(body, header)
  const request = header === undefined ? parseRequest(json) : parseRepeated(json)
  return {
    id: request.id,
    inputs: checkInputs(manifest, decodeInputs(manifest, request, new BinaryReader(tensors))),
    outputs: wantedOutputs(manifest, request),
    deadlineMs: deadlineOf(request),
    priority: priorityOf(request),
  }
}

const noTensors = new Uint8Array(0)

/** What stands before binary tensors is the same in request after request of a client, so it is parsed and checked once. */
const repeated = new Map<string, InferRequest>()
const mostRepeated = 256
const mostBytes = 1_024

function parseRepeated(json: Uint8Array): InferRequest {
  if (json.length > mostBytes) return parseRequest(json)
  const text = Buffer.from(json.buffer, json.byteOffset, json.length).toString('latin1')
  const known = repeated.get(text)
  if (known) return known
  const request = parseRequest(json)
  // Lists of numbers are never kept: they lie in memory that the next request writes into.
  if (request.inputs.some(({ data }) => data)) return request
  if (repeated.size === mostRepeated) repeated.clear()
  repeated.set(text, request)
  return request
}

function parseRequest(json: Uint8Array): InferRequest {
  let value: unknown
  try {
    value = parseTensorJson(json)
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', 'The request is not JSON')
  }
  const parsed = z.safeParse(inferRequest, value)
  if (parsed.success) return parsed.data
  throw schemaError('request_malformed', 'The request', parsed.error, value)
}

function decodeInputs(
  manifest: Manifest,
  { inputs: wires }: InferRequest,
  binary: BinaryReader,
): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {}
  for (const wire of wires) {
    const spec = manifest.inputs.find(({ name }) => name === wire.name)
    if (spec && wire.datatype !== 'BYTES' && wire.datatype !== datatypeOf(spec.type)) {
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
    inputs[wire.name] = binarySize(wire) === undefined ? decodeTensor(wire) : binary.read(wire)
  }
  binary.end()
  return inputs
}

function wantedOutputs({ id, outputs }: Manifest, request: InferRequest): WantedOutput[] {
  const all = request.parameters?.binary_data_output === true
  const known = outputs.map(({ name }) => name)
  const wanted = (request.outputs ?? outputs.map(({ name }) => ({ name, parameters: undefined }))).map(
    ({ name, parameters }): WantedOutput => ({
      name,
      binary: parameters?.binary_data === undefined ? all : parameters.binary_data === true,
    }),
  )
  // An output given twice would be encoded twice: a small request must not make a huge answer.
  const wrong = wanted.find(
    ({ name }, index) => !known.includes(name) || wanted.findIndex((one) => one.name === name) !== index,
  )
  if (wrong === undefined) return wanted
  throw new SpillwayError('output_name_invalid', `${id} has no output "${wrong.name}" to give`, {
    expected: `${known.join(', ')}, each once`,
    got: wrong.name,
  })
}

/** The request's `timeout` is in microseconds; Triton takes 0 for none. */
function deadlineOf({ parameters }: InferRequest): number {
  const timeout = parameters?.timeout
  if (timeout === undefined || timeout === 0) return defaultDeadlineMs
  if (typeof timeout === 'number' && timeout > 0) return Math.min(timeout / 1000, maxDeadlineMs)
  throw new SpillwayError('request_malformed', 'The parameter "timeout" is wrong', {
    expected: 'microseconds above zero',
    got: JSON.stringify(timeout),
  })
}

/** The request's `priority`: 1 is the highest, 0 the default. There are three steps here, and the rest is the lowest. */
function priorityOf({ parameters }: InferRequest): Priority {
  const priority = parameters?.priority ?? 0
  if (typeof priority !== 'number' || !Number.isInteger(priority) || priority < 0) {
    throw new SpillwayError('request_malformed', 'The parameter "priority" is wrong', {
      expected: 'a whole number: 1 is the highest, 0 the default',
      got: JSON.stringify(priority),
    })
  }
  if (priority === 1) return 'high'
  return priority <= 2 ? 'normal' : 'low'
}

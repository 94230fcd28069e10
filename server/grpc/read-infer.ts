import { type Manifest, SpillwayError, type Tensor } from '../../models/core/index.ts'
import { BinaryReader } from '../../models/protocols/oip-binary.ts'
import type { InferRequest, WireTensor } from '../../models/protocols/oip-schemas.ts'
import type { RequestLimits } from '../request-limits.ts'
import {
  type CheckedInferRequest,
  checkInferRequest,
  decodeInputs,
} from '../routes/oip/read-infer-request.ts'
import { refuseUnsupportedParameters } from '../routes/oip/unsupported-parameters.ts'
import { readContents } from './contents.ts'
import type { EncodedInferRequest, EncodedTensor } from './generated/encoded_infer_pb.ts'
import type { InferParameter } from './generated/open_inference_grpc_pb.ts'

/**
 * Checks an infer request as the HTTP route does. Its outputs are as its inputs are: all raw, or all typed.
 *
 * @throws SpillwayError `request_malformed`, `input_*`, `output_name_invalid` or `not_supported`.
 */
export function readModelInfer(
  message: EncodedInferRequest,
  manifest: Manifest,
  limits: RequestLimits,
): CheckedInferRequest {
  const { inputs, outputs, rawInputContents: raw } = message
  const request: InferRequest = {
    id: message.id || undefined,
    parameters: valuesOf(message.parameters),
    inputs: inputs.map(wireTensor),
    outputs: outputs.map(({ name, parameters }) => ({ name, parameters: valuesOf(parameters) })),
  }
  refuseUnsupportedParameters(request)
  const typed = inputs.find(({ contents }) => contents !== undefined)
  const isRaw = raw.length > 0 || !typed
  if (raw.length > 0) checkRaw(raw.length, inputs.length, typed)
  const decode = (wire: WireTensor, index: number): Tensor => {
    const bytes = raw[index]
    if (!bytes) return readContents(wire, inputs[index]?.contents ?? none)
    const reader = new BinaryReader(bytes)
    return reader.read({ ...wire, parameters: { binary_data_size: bytes.length } })
  }
  const checked = checkInferRequest(
    manifest,
    request,
    decodeInputs(manifest, request, decode, limits),
    limits,
  )
  return { ...checked, outputs: checked.outputs.map((output) => ({ ...output, binary: isRaw })) }
}

const none = new Uint8Array(0)

function checkRaw(raw: number, inputs: number, typed: EncodedTensor | undefined): void {
  if (typed)
    throw new SpillwayError('request_malformed', `"${typed.name}" has its elements twice`, {
      expected: 'either contents or raw_input_contents, for all inputs',
      got: 'both',
    })
  if (raw !== inputs)
    throw new SpillwayError(
      'request_malformed',
      'raw_input_contents does not have the elements of each input',
      {
        expected: `${inputs}, one for each input`,
        got: `${raw}`,
      },
    )
}

function wireTensor({ name, datatype, shape, parameters }: EncodedTensor): WireTensor {
  const sizes = shape.map(Number)
  if (sizes.every((size) => size >= 0 && Number.isSafeInteger(size)))
    return { name, datatype, shape: sizes, parameters: valuesOf(parameters) }
  throw new SpillwayError('input_shape_invalid', `Input "${name}" has an invalid shape`, {
    expected: 'sizes of zero or more',
    got: `[${shape.slice(0, 8).join(', ')}]`,
  })
}

function valuesOf(parameters: Readonly<Record<string, InferParameter>>): InferRequest['parameters'] {
  const names = Object.keys(parameters)
  if (names.length === 0) return undefined
  return Object.fromEntries(names.map((name) => [name, parameterValue(parameters[name])]))
}

const parameterValue = (parameter: InferParameter | undefined) => {
  const value = parameter?.parameterChoice.value ?? null
  return typeof value === 'bigint' ? Number(value) : value
}

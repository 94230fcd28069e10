import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf, SpillwayError } from '../../core/error.ts'
import { malformed } from '../errors.ts'
import { type Budget, decode, newBudget, type SplitMessage, takeFields } from './decode.ts'
import { foreignFormat } from './foreign-format.ts'
import { GraphProtoSchema, ModelProtoSchema, type TensorProto } from './generated/onnx_pb.ts'
import type { Model } from './model.ts'
import { readWeight } from './read-weight.ts'
import { checkModel } from './validate.ts'
import type { Weight } from './weight.ts'
import { WireType } from './wire.ts'

const graphField = 7
const initializerField = 5

/**
 * Reads and checks an ONNX file. Tensors stay in the file's bytes until they are asked for.
 *
 * @throws SpillwayError As `parseModel`, naming the file.
 */
export function readModel(path: string): Model {
  const bytes = readBytes(path)
  try {
    return parseModel(bytes, dirname(path))
  } catch (cause) {
    if (!(cause instanceof SpillwayError)) throw cause
    throw SpillwayError.fromWire({ ...cause.toWire(), message: `${path}: ${cause.message}` })
  }
}

export function readBytes(path: string): Uint8Array {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isDirectory()) throw isFolder(path)
  if (!stat?.isFile()) throw new SpillwayError('file_missing', `There is no file ${path}`)
  if (stat.size >= 2 ** 31) {
    throw malformed(`${path} is too large for ONNX`, {
      expected: 'less than 2 GiB',
      hint: 'Larger models keep their weights in a second file (external data).',
    })
  }
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new SpillwayError('file_missing', `${path} cannot be read: ${messageOf(cause)}`, {}, { cause })
  }
}

function isFolder(path: string): SpillwayError {
  const models = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.onnx'))
    .sort()
  return new SpillwayError('file_missing', `${path} is a folder`, {
    expected: 'an ONNX file',
    got:
      models.length === 0 ? 'a folder without ONNX files' : `a folder with ${models.slice(0, 8).join(', ')}`,
  })
}

/**
 * @param folder The folder of external data; without one the model must hold all its data.
 * @throws SpillwayError `model_invalid`, `file_truncated` or `file_missing`, for any bytes.
 */
export function parseModel(bytes: Uint8Array, folder?: string): Model {
  const budget = newBudget()
  // Slices of a Buffer would be Buffers, and become part of the model.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { taken, rest } = splitFile(plain, budget)
  if (taken.length === 0) throw malformed('The file is not an ONNX model: it has no graph')
  const header = decode(ModelProtoSchema, rest, budget)
  const graphs: SplitMessage[] = taken.map((field) => {
    if (field.wireType !== WireType.LengthDelimited) throw malformed('The graph has the wrong wire type')
    return takeFields(field.value, new Set([initializerField]), 'graph', budget)
  })
  const graph = decode(
    GraphProtoSchema,
    graphs.flatMap(({ rest }) => rest),
    budget,
  )
  const { weights, strings } = readWeights(graphs, folder, budget)
  const { node, input, output } = graph
  // The graph is fresh from the decoder, so it may be changed. Each part has one place in a Model.
  Object.assign(graph, { node: [], input: [], output: [], initializer: strings })
  // Version 4 of the format separated weights from inputs; older files list weights twice.
  if (header.irVersion > 0n && header.irVersion < 4n) header.irVersion = 4n
  const inputs = input.filter(({ name }) => !weights.has(name))
  return checkModel({ nodes: node, weights, inputs, outputs: output, header, graphMetadata: graph })
}

function splitFile(bytes: Uint8Array, budget: Budget): SplitMessage {
  if (bytes.length === 0) throw malformed('The file is empty')
  if (Buffer.from(bytes.subarray(0, 40)).toString('latin1').startsWith('version https://git-lfs')) {
    throw malformed('The file is a Git LFS pointer, not the model', { hint: 'Fetch it with "git lfs pull".' })
  }
  const other = foreignFormat(bytes)
  if (other !== undefined) throw malformed('The file is not an ONNX model', { expected: 'ONNX', got: other })
  return takeFields(bytes, new Set([graphField]), 'file', budget)
}

function readWeights(
  graphs: readonly SplitMessage[],
  folder: string | undefined,
  budget: Budget,
): { weights: Map<string, Weight>; strings: TensorProto[] } {
  const weights = new Map<string, Weight>()
  const strings: TensorProto[] = []
  for (const { value, wireType } of graphs.flatMap(({ taken }) => taken)) {
    if (wireType !== WireType.LengthDelimited) throw malformed('A tensor has the wrong wire type')
    const stored = readWeight(value, folder, budget)
    if ('strings' in stored) strings.push(stored.strings)
    else if (weights.has(stored.weight.name))
      throw malformed(`Two tensors have the name "${stored.weight.name}"`)
    else weights.set(stored.weight.name, stored.weight)
  }
  return { weights, strings }
}

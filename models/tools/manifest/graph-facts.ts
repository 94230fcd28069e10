import { dirname, join, relative, sep } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import type { Variant } from '../../core/manifest.ts'
import { type Candidate, type GraphFacts, halfBackends } from '../../hub/index.ts'
import { commonBackends } from '../backends/operators.ts'
import { declaredOf } from '../graph/values.ts'
import { memoryOf } from '../inspect/memory.ts'
import { DataType } from '../onnx/data-type.ts'
import { filesOf, sizeOfFiles } from '../onnx/files.ts'
import type { Model } from '../onnx/model.ts'
import { readModel } from '../onnx/read.ts'
import { saveModel } from '../onnx/save.ts'
import { isPaged } from '../page/page-model.ts'
import { checkValues } from '../run-model/constant-inputs.ts'
import { type InputShapes, infer, showShapes } from '../shape-inference/infer-shapes.ts'
import { memoryShapes } from '../shape-inference/input-shapes.ts'
import { declareOutputs, type RunOptions } from './declare-outputs.ts'
import { type GraphKind, isHalf, kindOfGraph } from './kind-of-graph.ts'
import { cacheInputs, inputSpecs, signatureOf } from './signature.ts'
import { withoutZipMap } from './without-zipmap.ts'
import { zipMapCopyOf } from './zipmap-copies.ts'

type Generation = GraphFacts['generation']

interface GraphReading {
  readonly candidate: Candidate
  readonly signature: GraphFacts['signature']
  readonly generation: Generation
  /** By operators and weights. */
  readonly kind: GraphKind
  /** Of the inputs, for the estimate of memory. */
  readonly shapes: InputShapes
  readonly facts: Pick<Variant, 'memory' | 'kvType'>
  /** Whether keys and values are in blocks: then the graph takes other inputs than its model's callers give. */
  readonly paged: boolean
}

/**
 * Reads the graph of each variant: inputs and outputs, memory, and files. Of a graph whose outputs are maps it writes a
 * copy with tensors.
 *
 * @throws SpillwayError `model_invalid`, `file_missing`, `file_truncated`, or `not_supported` where inputs or outputs
 * are not tensors of numbers.
 */
export async function readGraphs(
  root: string,
  candidates: readonly Candidate[],
  options: RunOptions,
): Promise<GraphFacts> {
  const { onNote } = options
  const readings: GraphReading[] = []
  for (const candidate of candidates) readings.push(await readGraph(root, candidate, options))
  const read = readings.map((one) => ({ ...one, candidate: withKind(one, readings) }))
  const plain = read.filter(({ paged }) => !paged)
  const comparable = plain.length > 0 ? plain : read
  // The variant before quantization, if there is one.
  const reference = comparable.find(({ candidate }) => candidate.precision === 'fp32') ?? comparable[0]
  if (!reference) throw new SpillwayError('model_invalid', `There is no ONNX model in ${root}`)
  for (const other of comparable) checkSame(reference, other)
  if (hasOpenSizes(reference.signature) && reference.shapes.size > 0)
    onNote(`memory is estimated at ${showShapes(reference.shapes)}`)
  return {
    candidates: read.map(({ candidate }) => candidate),
    signature: reference.signature,
    ...(reference.generation ? { generation: reference.generation } : {}),
    variants: new Map(read.map(({ candidate, facts }) => [candidate.id, facts])),
  }
}

async function readGraph(root: string, candidate: Candidate, options: RunOptions): Promise<GraphReading> {
  const { onNote } = options
  const { path, model: plain } = readWithoutZipMap(join(root, candidate.paths[0] ?? ''), onNote)
  checkValues(plain, options.values)
  const inputs = inputSpecs(plain)
  const model = await declareOutputs(plain, inputs, path, options)
  const files = filesOf(model, path)
  const shapes = memoryShapes(model, new Map())
  const values = infer(model, shapes)
  const kvType = kvTypeOf(model)
  return {
    candidate: { ...candidate, paths: files.map((file) => relative(root, file).split(sep).join('/')) },
    signature: signatureOf(model, inputs, (output) => onNote(`${output} is no tensor: it is left out`)),
    generation: generationOf(model),
    kind: kindOfGraph(model),
    shapes,
    facts: {
      memory: memoryOf(model, values, sizeOfFiles(files)).total,
      ...(kvType === 'float16' ? { kvType } : {}),
    },
    paged: isPaged(model),
  }
}

/** The candidate with what its graph says where its name says nothing. */
function withKind({ candidate, kind }: GraphReading, all: readonly GraphReading[]): Candidate {
  const { isPrecisionUnknown, ...named } = candidate
  if (!isPrecisionUnknown) {
    const backends = commonBackends(named.backends, kind.backends)
    return { ...named, ...(backends && { backends }) }
  }
  const isTaken = all.some((other) => other.candidate !== candidate && other.candidate.id === kind.precision)
  const id = isTaken ? named.id : kind.precision
  // Other backends convert halves before and after each operator: a float variant runs better there.
  const hasFloats = all.some((other) => other.candidate !== candidate && !isHalf(other.kind))
  const backends = kind.backends ?? (isHalf(kind) && hasFloats ? halfBackends : undefined)
  return { ...named, id, precision: kind.precision, ...(backends && { backends }) }
}

function readWithoutZipMap(path: string, onNote: (note: string) => void): { path: string; model: Model } {
  const model = readModel(path)
  const plain = withoutZipMap(model)
  if (plain === model) return { path, model }
  const copy = zipMapCopyOf(path)
  saveModel(plain, copy)
  const outputs = plain.outputs.map(({ name }) => name).join(', ')
  onNote(`${copy} gives ${outputs}: it is ${path} without ZipMap, whose maps cannot be sent`)
  return { path: copy, model: plain }
}

/** Whether sizes other than the number of rows are open. */
const hasOpenSizes = ({ inputs }: GraphFacts['signature']): boolean =>
  inputs.some(({ shape }) => shape === null || shape.slice(1).includes(-1))

function generationOf(model: Model): Generation {
  const keys = cacheInputs(model)
  const [first] = keys
  if (!first) return undefined
  const { shape = [] } = declaredOf(first)
  const [heads, headDim] = [shape[isPaged(model) ? 2 : 1], shape[3]]
  const logits = model.outputs.find(({ name }) => name === 'logits')
  const vocabulary = logits && declaredOf(logits).shape?.at(-1)
  return {
    ...(typeof heads === 'number' && typeof headDim === 'number'
      ? { kv: { layers: keys.length, heads, headDim } }
      : {}),
    ...(typeof vocabulary === 'number' ? { vocabulary } : {}),
    batched: isPaged(model) || model.nodes.some(({ opType }) => opType === 'GroupQueryAttention'),
  }
}

function kvTypeOf(model: Model): Variant['kvType'] {
  const [key] = cacheInputs(model)
  return key && declaredOf(key).type === DataType.FLOAT16 ? 'float16' : 'float32'
}

/** All variants but the paged take the same inputs. Types of outputs may differ, because a result has its own. */
function checkSame(one: GraphReading, other: GraphReading): void {
  const signature = ({ signature }: GraphReading) =>
    `${signature.inputs.map(({ name, type }) => `${name} (${type})`).join(', ')} → ${signature.outputs.map(({ name }) => name).join(', ')}`
  if (signature(one) === signature(other)) return
  throw new SpillwayError(
    'model_invalid',
    `${other.candidate.paths[0]} is not a variant of ${one.candidate.paths[0]}`,
    {
      expected: signature(one),
      got: signature(other),
      hint: `Put it into a folder of its own, or out of ${dirname(other.candidate.paths[0] ?? '')}.`,
    },
  )
}

import { dirname, join, relative, sep } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import type { Variant } from '../../core/manifest.ts'
import { tensorTypes } from '../../core/tensor.ts'
import type { TensorSpec } from '../../core/tensor-spec.ts'
import type { Candidate, GraphFacts } from '../../hub/index.ts'
import { declaredOf } from '../graph/values.ts'
import { batchFault } from '../inspect/batch-fault.ts'
import { memoryOf } from '../inspect/memory.ts'
import { DataType, nameOf } from '../onnx/data-type.ts'
import { filesOf, sizeOfFiles } from '../onnx/files.ts'
import type { Model, Value } from '../onnx/model.ts'
import { readModel } from '../onnx/read.ts'
import { infer } from '../shape-inference/infer-shapes.ts'
import { sampleShapes } from '../shape-inference/input-shapes.ts'

/** Tensors of the KV cache: not part of the model's interface, and different between variants. */
const cacheName = /^(?:past_key_values|present)\./

type Signature = GraphFacts['signature']
type Generation = GraphFacts['generation']

interface GraphReading {
  readonly candidate: Candidate
  readonly signature: Signature
  readonly generation: Generation
  readonly facts: Pick<Variant, 'memory' | 'kvType'>
}

/**
 * Reads the graph of each variant: inputs and outputs, memory, and files.
 *
 * @throws SpillwayError `model_invalid`, `file_missing`, `file_truncated`, or `not_supported` where inputs or outputs
 * are not tensors of numbers.
 */
export function readGraphs(
  root: string,
  candidates: readonly Candidate[],
  onRead: (done: number, total: number) => void = () => {},
): GraphFacts {
  const read = candidates.map((candidate, index) => {
    const one = readGraph(root, candidate)
    onRead(index + 1, candidates.length)
    return one
  })
  // The variant before quantization, if there is one.
  const reference = read.find(({ candidate }) => candidate.precision === 'fp32') ?? read[0]
  if (!reference) throw new SpillwayError('model_invalid', `There is no ONNX model in ${root}`)
  for (const other of read) checkSame(reference, other)
  return {
    candidates: read.map(({ candidate }) => candidate),
    signature: reference.signature,
    ...(reference.generation ? { generation: reference.generation } : {}),
    variants: new Map(read.map(({ candidate, facts }) => [candidate.id, facts])),
  }
}

function readGraph(root: string, candidate: Candidate): GraphReading {
  const path = join(root, candidate.paths[0] ?? '')
  const model = readModel(path)
  const files = filesOf(model, path)
  const values = infer(model, sampleShapes(model, new Map()))
  const kvType = kvTypeOf(model)
  return {
    candidate: { ...candidate, paths: files.map((file) => relative(root, file).split(sep).join('/')) },
    signature: signatureOf(model),
    generation: generationOf(model),
    facts: {
      memory: memoryOf(model, values, sizeOfFiles(files)).total,
      ...(kvType === 'float16' ? { kvType } : {}),
    },
  }
}

function signatureOf({ inputs, outputs }: Model): Signature {
  const own = (values: readonly Value[]) => values.filter(({ name }) => !cacheName.test(name)).map(specOf)
  const [taken, given] = [own(inputs), own(outputs)]
  const isOwn = ({ name }: Value) => !cacheName.test(name)
  const mayBatch = batchFault(inputs.filter(isOwn), outputs.filter(isOwn)) === null
  return { inputs: taken, outputs: given, batchAxis: mayBatch ? 0 : null }
}

function specOf(value: Value): TensorSpec {
  const { type, shape } = declaredOf(value)
  const name = tensorTypes.find((known) => known === nameOf(type))
  if (name && shape) {
    return {
      name: value.name,
      type: name,
      shape: shape.map((size) => (typeof size === 'number' && size > 0 ? size : -1)),
    }
  }
  throw new SpillwayError('not_supported', `"${value.name}" is not a tensor of numbers with a known rank`, {
    expected: tensorTypes.join(', '),
    got: shape ? nameOf(type) : 'any shape',
  })
}

function generationOf({ inputs, outputs, nodes }: Model): Generation {
  const keys = inputs.filter(({ name }) => /^past_key_values\.\d+\.key$/.test(name))
  const [first] = keys
  if (!first) return undefined
  const [, heads, , headDim] = declaredOf(first).shape ?? []
  const logits = outputs.find(({ name }) => name === 'logits')
  const vocabulary = logits && declaredOf(logits).shape?.at(-1)
  return {
    ...(typeof heads === 'number' && typeof headDim === 'number'
      ? { kv: { layers: keys.length, heads, headDim } }
      : {}),
    ...(typeof vocabulary === 'number' ? { vocabulary } : {}),
    batched: nodes.some(({ opType }) => opType === 'GroupQueryAttention'),
  }
}

function kvTypeOf({ inputs }: Model): Variant['kvType'] {
  const key = inputs.find(({ name }) => cacheName.test(name))
  return key && declaredOf(key).type === DataType.FLOAT16 ? 'float16' : 'float32'
}

/** All variants take the same inputs. Types of outputs may differ, because a result has its own. */
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

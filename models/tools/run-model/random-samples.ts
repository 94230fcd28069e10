import { SpillwayError } from '../../core/error.ts'
import { toHalf } from '../../core/half.ts'
import {
  arrayOf,
  elementCount,
  showShape,
  type Tensor,
  type TensorType,
  tensorTypes,
} from '../../core/tensor.ts'
import { operatorOf } from '../graph/node.ts'
import { declaredOf } from '../graph/values.ts'
import { readersOf } from '../onnx/data-flow.ts'
import { nameOf } from '../onnx/data-type.ts'
import type { Model, Value } from '../onnx/model.ts'
import type { InputShapes } from '../shape-inference/infer-shapes.ts'
import { sampleShapes } from '../shape-inference/input-shapes.ts'
import type { Tensors } from './runtime.ts'

/** Larger samples are a mistake: a shape from a hostile file, or a batch of a million. */
const maxElements = 2 ** 26

/** Made-up inputs from a seed: normally distributed floats, and integers that are valid indices. */
export function randomSamples(model: Model, given: InputShapes, count: number, seed = 1): Tensors[] {
  const random = randomFrom(seed)
  const shapes = sampleShapes(model, given)
  return Array.from({ length: count }, () =>
    Object.fromEntries(
      model.inputs.map((value) => [value.name, randomTensor(model, value, shapes.get(value.name), random)]),
    ),
  )
}

function randomTensor(
  model: Model,
  value: Value,
  shape: readonly number[] | undefined,
  random: Random,
): Tensor {
  const typeName = nameOf(declaredOf(value).type)
  const type = tensorTypes.find((known) => known === typeName)
  if (type === undefined || type === 'string' || shape === undefined) {
    throw new SpillwayError('not_supported', `The input "${value.name}" cannot be made up`, {
      got: `${typeName}, ${shape ? showShape(shape) : 'any shape'}`,
      hint: 'Give samples of your own.',
    })
  }
  if (elementCount(shape) > maxElements) {
    throw new SpillwayError('input_size_invalid', `The input "${value.name}" is too large to make up`, {
      expected: `at most ${maxElements} elements`,
      got: showShape(shape),
    })
  }
  const data = new (arrayOf(type))(elementCount(shape))
  const element = elementOf(model, value.name, type, random)
  for (let index = 0; index < data.length; index++) {
    const one = element(index)
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[index] = BigInt(one)
    else data[index] = one
  }
  return { type, data, shape }
}

function elementOf(model: Model, name: string, type: TensorType, random: Random): (index: number) => number {
  if (type === 'float16') return () => toHalf(random.normal())
  if (type.startsWith('float')) return () => random.normal()
  if (/mask/i.test(name)) return () => 1
  if (/position/i.test(name)) return (index) => index
  const end = type === 'bool' ? 2 : (indexRange(model, name) ?? 256)
  return () => Math.floor(random.uniform() * end)
}

/** Number of values of an integer input: the rows of the table that it indexes; undefined where there is none. */
export function indexRange(model: Model, name: string): number | undefined {
  const readers = readersOf(model)
  const follow = (value: string, depth: number): number | undefined => {
    for (const node of readers.get(value) ?? []) {
      const operator = operatorOf(node)
      if (/Gather(BlockQuantized)?$/.test(operator) && node.input[1] === value) {
        return model.weights.get(node.input[0] ?? '')?.dims[0]
      }
      const output = node.output[0]
      const found = depth < 6 && output !== undefined ? follow(output, depth + 1) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }
  return follow(name, 0)
}

/** Random numbers from a seed, the same on every machine, so that measurements can be repeated. */
export interface Random {
  /** Uniform from 0 to 1. */
  uniform(): number
  /** Normal with mean 0 and variance 1. */
  normal(): number
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  // The generator Mulberry32.
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  return { uniform, normal }
}

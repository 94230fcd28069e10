import { SpillwayError } from '../../core/error.ts'
import {
  arrayOf,
  elementCount,
  showShape,
  type Tensor,
  type TensorType,
  tensorTypes,
} from '../../core/tensor.ts'
import { readersOf } from '../graph/links.ts'
import { operatorOf } from '../graph/node.ts'
import { declaredOf } from '../infer/declared.ts'
import type { InputShapes } from '../infer/infer.ts'
import { nameOf } from '../onnx/data-type.ts'
import { toHalf } from '../onnx/half.ts'
import type { Model, Value } from '../onnx/model.ts'
import { type Random, randomFrom } from './random.ts'
import type { Tensors } from './runtime.ts'
import { sampleShapes } from './sample-shapes.ts'

/** Past that a sample is a mistake: a shape out of a hostile file, or a batch of a million. */
const maxElements = 2 ** 26

/** Inputs out of a seed, where no better ones are given: floats as normalised data has them, integers that index. */
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
  const wanted = nameOf(declaredOf(value).type)
  const type = tensorTypes.find((known) => known === wanted)
  if (type === undefined || shape === undefined) {
    throw new SpillwayError('not_supported', `There is no way to make up the input "${value.name}"`, {
      got: `${wanted}, ${shape ? showShape(shape) : 'any shape'}`,
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
  const end = type === 'bool' ? 2 : indexRange(model, name)
  return () => Math.floor(random.uniform() * end)
}

/** How many values an integer input may have: the rows of the table that it looks up, else a byte's. */
function indexRange(model: Model, name: string): number {
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
  return follow(name, 0) ?? 256
}

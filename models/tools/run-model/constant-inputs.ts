import { SpillwayError } from '../../core/error.ts'
import { toHalf } from '../../core/half.ts'
import { arrayOf, elementCount, type NumericType, type Tensor, tensorTypes } from '../../core/tensor.ts'
import { declaredOf } from '../graph/values.ts'
import { nameOf } from '../onnx/data-type.ts'
import type { Model, Value } from '../onnx/model.ts'
import type { InputShapes } from '../shape-inference/infer-shapes.ts'
import { sampleShapes } from '../shape-inference/input-shapes.ts'
import type { Tensors } from './runtime.ts'

/** The value of every element of some inputs, by name: a sample rate, a size, a switch. */
export type InputValues = ReadonlyMap<string, number>

/**
 * Tensors filled with the values, for the inputs of these names.
 *
 * @throws SpillwayError `input_name_invalid`, `input_value_invalid` or `not_supported`.
 */
export function constantTensors(model: Model, values: InputValues, given: InputShapes = new Map()): Tensors {
  if (values.size === 0) return {}
  const shapes = sampleShapes(model, given)
  const tensors: Record<string, Tensor> = {}
  for (const [name, value] of values) {
    const input = inputOf(model, name)
    const typeName = nameOf(declaredOf(input).type)
    const type = tensorTypes.find((known) => known === typeName)
    const shape = shapes.get(name)
    if (!type || type === 'string' || !shape) {
      throw new SpillwayError('not_supported', `The input "${name}" cannot be filled with a number`, {
        got: typeName,
      })
    }
    tensors[name] = filled(name, { type, shape }, value)
  }
  return tensors
}

/** @throws SpillwayError `input_name_invalid` for a name that is no input's. */
export function checkValues(model: Model, values: InputValues): void {
  for (const name of values.keys()) inputOf(model, name)
}

function inputOf({ inputs }: Model, name: string): Value {
  const input = inputs.find((one) => one.name === name)
  if (input) return input
  throw new SpillwayError('input_name_invalid', `The model has no input "${name}"`, {
    expected: inputs.map((one) => one.name).join(', '),
  })
}

/** The inputs with the values in place of their elements; shapes stay. */
export function withValues(inputs: Tensors, values: InputValues): Tensors {
  if (values.size === 0) return inputs
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => {
      const value = values.get(name)
      return [name, value === undefined ? tensor : filled(name, tensor, value)]
    }),
  )
}

function filled(name: string, { type, shape }: Pick<Tensor, 'type' | 'shape'>, value: number): Tensor {
  if (type === 'string') {
    throw new SpillwayError('input_value_invalid', `"${name}" takes no numbers`, {
      expected: type,
      got: String(value),
    })
  }
  if (!canHold(type, value)) {
    throw new SpillwayError('input_value_invalid', `"${name}" cannot hold the value`, {
      expected: expectedOf(type),
      got: String(value),
    })
  }
  const data = new (arrayOf(type))(elementCount(shape))
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value))
  else data.fill(type === 'float16' ? toHalf(value) : value)
  return { type, shape, data }
}

/** Whether an element of the type is exactly the number; floats are rounded. */
export function canHold(type: NumericType, value: number): boolean {
  if (type.startsWith('float')) return true
  if (type === 'bool') return value === 0 || value === 1
  if (!Number.isSafeInteger(value)) return false
  const data = new (arrayOf(type))(1)
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[0] = BigInt(value)
  else data[0] = value
  return Number(data[0]) === value
}

/** The numbers that an element of the type can be, in words. */
export const expectedOf = (type: NumericType): string =>
  type === 'bool' ? '0 or 1' : `a whole number of ${type}${type.endsWith('64') ? ', up to 2^53' : ''}`

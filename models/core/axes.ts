/** The axes, defaults and states of a model's tensors, and the checks of a manifest that concern them. */
import { arrayOf, createData, elementCount, isStrings, type Tensor, type TensorType } from './tensor.ts'
import type { StateSpec, TensorSpec } from './tensor-spec.ts'

/** The batch axis of a model; null where the number of rows is fixed. */
interface Batched {
  readonly batchAxis: 0 | null
}

/** The part of a manifest that describes tensors. */
interface Model extends Batched {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly state?: readonly StateSpec[] | undefined
}

/** The batch axis of one tensor; null where the tensor has no rows. */
export const batchAxisOf = (model: Batched, spec: TensorSpec): number | null =>
  spec.batchAxis === undefined ? model.batchAxis : spec.batchAxis

/** The tensor's shape with `rows` along `axis`; other open sizes stay −1, and any shape is a single −1. */
export const shapeOfRows = ({ shape }: TensorSpec, axis: number | null, rows: number): number[] =>
  (shape ?? [-1]).map((size, at) => (at === axis ? rows : size))

/**
 * A tensor of `rows` rows, filled with the input's default, with zeros, or with empty strings. No other size of its shape
 * may be open.
 */
export function defaultTensor(model: Batched, spec: TensorSpec, rows: number): Tensor {
  const shape = shapeOfRows(spec, batchAxisOf(model, spec), rows)
  const data = createData(spec.type, elementCount(shape))
  if (spec.default !== undefined) fill(data, spec.default)
  return { type: spec.type, data, shape }
}

/** Dummy inputs for warm-up and timing; undefined where a size other than the batch is open. */
export function zeroInputs(
  request: Batched & { readonly inputs: readonly TensorSpec[] },
  rows = 1,
): Record<string, Tensor> | undefined {
  const feeds: Record<string, Tensor> = {}
  for (const spec of request.inputs) {
    if (shapeOfRows(spec, batchAxisOf(request, spec), rows).includes(-1)) return undefined
    feeds[spec.name] = defaultTensor(request, spec, rows)
  }
  return feeds
}

/** Sets every element, whatever the array's type. A string becomes the number's digits. */
export function fill(data: Tensor['data'], value: number): void {
  // The tensor's maker fills it: to everyone else its strings are read-only.
  if (isStrings(data)) (data as string[]).fill(String(value))
  else if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value))
  else data.fill(value)
}

/** Whether a size other than the number of rows is open. */
const isOpen = (model: Model, spec: TensorSpec, at: number) =>
  spec.shape?.[at] === -1 && at !== batchAxisOf(model, spec)

const isFixed = (model: Model, spec: TensorSpec) =>
  spec.shape !== null && !spec.shape.some((_, at) => isOpen(model, spec, at))

/**
 * Whether every tensor's shape is −1 at its batch axis. A model with tensors of any shape, or without inputs, has no batch
 * axis.
 */
export const hasValidBatchAxes = (model: Model): boolean =>
  (model.batchAxis === null || model.inputs.length > 0) &&
  [...model.inputs, ...model.outputs].every((spec) => {
    if (model.batchAxis !== null && spec.shape === null) return false
    const axis = batchAxisOf(model, spec)
    return axis === null || (model.batchAxis !== null && spec.shape?.[axis] === -1)
  })

/** Whether pad axes are open, are not the batch axis, and have values that the type can hold. */
export const hasValidPads = (model: Model): boolean =>
  [...model.inputs, ...model.outputs].every((spec) => {
    const { pad, type } = spec
    if (!pad) return true
    return batchAxisOf(model, spec) !== null && isOpen(model, spec, pad.axis) && canHold(type, pad.value)
  })

/** Whether only inputs of fixed rows have defaults, and these fit the type. */
export const hasValidDefaults = (model: Model): boolean =>
  model.outputs.every((spec) => spec.default === undefined) &&
  model.inputs.every(
    (spec) => spec.default === undefined || (isFixed(model, spec) && canHold(spec.type, spec.default)),
  )

function canHold(type: TensorType, value: number): boolean {
  if (type === 'string') return false
  if (type === 'float16') return value === 0
  if (type.startsWith('float')) return true
  if (type === 'bool') return value === 0 || value === 1
  const held = new (arrayOf(type))(1)
  if (!Number.isSafeInteger(value)) return false
  fill(held, value)
  return Number(held[0]) === value
}

/** Whether every state pairs an input with an output of the same type and fixed shape, none twice. */
export const hasValidStates = (model: Model): boolean =>
  statesAreDistinct(model) &&
  (model.state ?? []).every((state) => {
    const input = model.inputs.find(({ name }) => name === state.input)
    const output = model.outputs.find(({ name }) => name === state.output)
    return (
      input !== undefined && output !== undefined && isFixed(model, input) && areAlike(model, input, output)
    )
  })

const statesAreDistinct = ({ state = [] }: Model) =>
  new Set(state.map(({ input }) => input)).size === state.length &&
  new Set(state.map(({ output }) => output)).size === state.length

const areAlike = (model: Model, one: TensorSpec, other: TensorSpec) =>
  one.type === other.type &&
  one.shape?.join() === other.shape?.join() &&
  batchAxisOf(model, one) === batchAxisOf(model, other)

import { SpillwayError } from './error.ts'
import type { Manifest, TensorSpec } from './manifest.ts'
import { arrayOf, elementCount, fitsShape, showShape, type Tensor, type TensorData } from './tensor.ts'

/** One input as a caller gives it: a bare typed array is one row of the manifest's shape. */
export type Input = TensorData | { readonly data: TensorData; readonly shape: readonly number[] }

export type Inputs = Readonly<Record<string, Input>>

/** A request whose names, types, shapes and counts are what the manifest says. */
export interface CheckedInputs {
  readonly tensors: Readonly<Record<string, Tensor>>
  /** Size along the batch axis; one where the model has none. */
  readonly rows: number
}

/** @throws SpillwayError `input_name_invalid`, `input_type_invalid`, `input_shape_invalid` or `input_size_invalid`. */
export function checkInputs(manifest: Manifest, inputs: Inputs): CheckedInputs {
  const tensors: Record<string, Tensor> = {}
  for (const spec of manifest.inputs) {
    if (!(spec.name in inputs)) throw wrongNames(manifest, inputs)
    tensors[spec.name] = checkTensor(spec, manifest.batchAxis, inputs[spec.name])
  }
  for (const name in inputs) if (!(name in tensors)) throw wrongNames(manifest, inputs)
  return { tensors, rows: countRows(manifest, tensors) }
}

function wrongNames(manifest: Manifest, inputs: Inputs): SpillwayError {
  const known = manifest.inputs.map(({ name }) => name)
  const given = Object.keys(inputs)
  const wrong = given.find((name) => !known.includes(name))
  const missing = known.find((name) => !given.includes(name))
  const what =
    wrong === undefined
      ? `Input "${missing}" of ${manifest.id} is missing`
      : `${manifest.id} has no input "${wrong}"`
  return new SpillwayError('input_name_invalid', what, {
    expected: known.join(', '),
    got: given.join(', ') || 'no input',
  })
}

function checkTensor(spec: TensorSpec, batchAxis: number | null, input: Input | undefined): Tensor {
  const data = ArrayBuffer.isView(input) ? input : input?.data
  const array = arrayOf(spec.type)
  if (!(data instanceof array)) {
    throw new SpillwayError('input_type_invalid', `Input "${spec.name}" has the wrong type`, {
      expected: `a ${array.name} (${spec.type})`,
      got: describe(data),
    })
  }
  const shape = ArrayBuffer.isView(input) ? rowShape(spec, batchAxis, data.length) : input?.shape
  if (!Array.isArray(shape) || !fitsShape(shape, spec.shape)) {
    throw new SpillwayError('input_shape_invalid', `Input "${spec.name}" has the wrong shape`, {
      expected: `${showShape(spec.shape)} (-1: any size)`,
      got: Array.isArray(shape) ? showShape(shape) : describe(shape),
    })
  }
  if (elementCount(shape) !== data.length) {
    throw new SpillwayError('input_size_invalid', `Input "${spec.name}" has the wrong number of elements`, {
      expected: `${elementCount(shape)} for shape ${showShape(shape)}`,
      got: `${data.length}`,
    })
  }
  return { type: spec.type, data, shape }
}

/** Shapes of one row, where the manifest fixes them: asked for at every request. */
const fixedRows = new WeakMap<TensorSpec, readonly number[]>()

/** A bare array is one row; where one more dimension is open, its size follows from the length. */
function rowShape(spec: TensorSpec, batchAxis: number | null, length: number): readonly number[] {
  const fixed = fixedRows.get(spec)
  if (fixed) return fixed
  const shape = spec.shape.map((size, axis) => (axis === batchAxis ? 1 : size))
  const open = shape.indexOf(-1)
  if (open === -1) {
    fixedRows.set(spec, shape)
    return shape
  }
  if (shape.lastIndexOf(-1) !== open) {
    throw new SpillwayError(
      'input_shape_invalid',
      `The shape of input "${spec.name}" does not follow from its length`,
      {
        expected: `{ data, shape } with shape ${showShape(spec.shape)} (-1: any size)`,
        got: `an array of ${length} elements`,
      },
    )
  }
  const rest = shape.reduce((product, size) => (size === -1 ? product : product * size), 1)
  shape[open] = Math.max(1, Math.floor(length / rest))
  return shape
}

function countRows({ id, batchAxis, inputs }: Manifest, tensors: Record<string, Tensor>): number {
  if (batchAxis === null) return 1
  const first = inputs[0]?.name ?? ''
  const rows = tensors[first]?.shape[batchAxis] ?? 1
  for (const { name } of inputs) {
    const other = tensors[name]?.shape[batchAxis]
    if (other === rows) continue
    throw new SpillwayError('input_shape_invalid', `The inputs of ${id} differ in rows`, {
      expected: `${rows} rows in "${name}", as in "${first}"`,
      got: `${other}`,
    })
  }
  return rows
}

const describe = (value: unknown): string => {
  if (value === undefined || value === null) return 'nothing'
  return typeof value === 'object' ? Object.prototype.toString.call(value).slice(8, -1) : typeof value
}

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
  const known = manifest.inputs.map(({ name }) => name)
  checkNames(manifest.id, known, Object.keys(inputs))
  const tensors: Record<string, Tensor> = {}
  for (const spec of manifest.inputs) {
    tensors[spec.name] = checkTensor(spec, manifest.batchAxis, inputs[spec.name])
  }
  return { tensors, rows: countRows(manifest, tensors) }
}

export function checkNames(id: string, known: readonly string[], given: readonly string[]): void {
  const wrong = given.find((name) => !known.includes(name))
  const missing = known.find((name) => !given.includes(name))
  if (wrong === undefined && missing === undefined) return
  const what =
    wrong === undefined ? `Input "${missing}" of ${id} is missing` : `${id} has no input "${wrong}"`
  throw new SpillwayError('input_name_invalid', what, {
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

/** A bare array is one row; where one more dimension is open, its size follows from the length. */
function rowShape(spec: TensorSpec, batchAxis: number | null, length: number): number[] {
  const shape = spec.shape.map((size, axis) => (axis === batchAxis ? 1 : size))
  const open = shape.indexOf(-1)
  if (open === -1) return shape
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

function countRows(manifest: Manifest, tensors: Record<string, Tensor>): number {
  const { batchAxis } = manifest
  if (batchAxis === null) return 1
  const counts = Object.entries(tensors).map(([name, { shape }]) => [name, shape[batchAxis] ?? 1] as const)
  const first = counts[0]
  const other = counts.find(([, rows]) => rows !== first?.[1])
  if (first && other) {
    throw new SpillwayError('input_shape_invalid', `The inputs of ${manifest.id} differ in rows`, {
      expected: `${first[1]} rows in "${other[0]}", as in "${first[0]}"`,
      got: `${other[1]}`,
    })
  }
  return first?.[1] ?? 1
}

const describe = (value: unknown): string => {
  if (value === undefined || value === null) return 'nothing'
  return typeof value === 'object' ? Object.prototype.toString.call(value).slice(8, -1) : typeof value
}

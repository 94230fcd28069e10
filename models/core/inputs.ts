import { batchAxisOf, defaultTensor, shapeOfRows } from './axes.ts'
import { SpillwayError } from './error.ts'
import { describeValue, expectedArray, type InputData, toTensorData, wrongArrayHint } from './input-data.ts'
import type { Manifest } from './manifest.ts'
import { elementCount, fitsShape, isStrings, showShape, type Tensor } from './tensor.ts'
import type { TensorSpec } from './tensor-spec.ts'
import { countOf, showValue } from './wording.ts'

/** One input of a run. A bare array, typed or of strings, is one row in the manifest's shape. */
export type Input = InputData | { readonly data: InputData; readonly shape: readonly number[] }

type Shaped = Exclude<Input, InputData>

/** The inputs of a run, by the names in the manifest. */
export type Inputs = Readonly<Record<string, Input>>

/** Inputs whose names, types, shapes and element counts match the manifest. */
export interface CheckedInputs {
  readonly tensors: Readonly<Record<string, Tensor>>
  /** Size along the batch axis; 1 where the model has none. */
  readonly rows: number
  /** The outputs that the caller asks for; undefined for all. See `checkOutputNames`. */
  readonly outputs?: readonly string[] | undefined
}

/**
 * Checks the inputs of a run without a session: state is passed like any other input, defaults are filled in.
 *
 * @throws SpillwayError `input_name_invalid`, `input_type_invalid`, `input_shape_invalid`, `input_size_invalid` or
 * `input_value_invalid`.
 */
export const checkInputs = (manifest: Manifest, inputs: Inputs): CheckedInputs =>
  check(manifest, manifest.inputs, inputs)

/**
 * Checks the inputs of a session's run: the session adds the state.
 *
 * @throws SpillwayError As `checkInputs`.
 */
export const checkSessionInputs = (manifest: Manifest, inputs: Inputs): CheckedInputs =>
  check(
    manifest,
    manifest.inputs.filter(({ name }) => !isState(manifest, name)),
    inputs,
  )

function check(manifest: Manifest, specs: readonly TensorSpec[], inputs: Inputs): CheckedInputs {
  if (!isByName(inputs)) throw notByName(manifest, specs, inputs)
  const tensors: Record<string, Tensor> = {}
  const absent: TensorSpec[] = []
  for (const spec of specs) {
    if (Object.hasOwn(inputs, spec.name))
      tensors[spec.name] = checkTensor(spec, batchAxisOf(manifest, spec), inputs[spec.name])
    else if (spec.default === undefined) throw wrongNames(manifest, specs, inputs)
    else absent.push(spec)
  }
  for (const name in inputs) if (!Object.hasOwn(tensors, name)) throw wrongNames(manifest, specs, inputs)
  const rows = countRows(manifest, specs, tensors)
  for (const spec of absent) tensors[spec.name] = defaultTensor(manifest, spec, rows)
  return { tensors, rows }
}

/** Pages in plain JavaScript can pass any value. */
const isByName = (inputs: unknown): boolean =>
  typeof inputs === 'object' && inputs !== null && !Array.isArray(inputs) && !ArrayBuffer.isView(inputs)

const notByName = ({ id }: Manifest, specs: readonly TensorSpec[], inputs: unknown) =>
  new SpillwayError('input_type_invalid', `The inputs of ${id} are passed by name`, {
    expected: `an object with ${specs.map(({ name }) => name).join(', ')}`,
    got: ArrayBuffer.isView(inputs) ? describeValue(inputs) : showValue(inputs),
  })

function wrongNames(
  { id, ...manifest }: Manifest,
  specs: readonly TensorSpec[],
  inputs: Inputs,
): SpillwayError {
  const known = specs.map(({ name }) => name)
  const given = Object.keys(inputs)
  const wrong = given.find((name) => !known.includes(name))
  const missing = specs.find((spec) => spec.default === undefined && !given.includes(spec.name))?.name
  const what =
    wrong === undefined ? `Input "${missing}" of ${id} is missing` : `${id} has no input "${wrong}"`
  return new SpillwayError('input_name_invalid', what, {
    expected: known.join(', '),
    got: given.join(', ') || 'no input',
    ...hintOf(manifest, wrong, missing),
  })
}

function hintOf(manifest: Pick<Manifest, 'state'>, wrong: string | undefined, missing: string | undefined) {
  if (wrong !== undefined && isState(manifest, wrong))
    return { hint: 'The session keeps it from run to run; leave it out.' }
  if (wrong !== undefined || missing === undefined || !isState(manifest, missing)) return {}
  return {
    hint: 'Open a session with model.createSession(), which keeps it from run to run, or pass zeros for the first run.',
  }
}

const isState = ({ state }: Pick<Manifest, 'state'>, name: string) =>
  state?.some(({ input }) => input === name) ?? false

function checkTensor(spec: TensorSpec, batchAxis: number | null, input: Input | undefined): Tensor {
  const isBare = ArrayBuffer.isView(input) || Array.isArray(input)
  const given = isBare ? input : (input as Shaped | undefined)?.data
  const data = toTensorData(spec.type, given)
  if (!data) {
    throw new SpillwayError('input_type_invalid', `Input "${spec.name}" has the wrong type`, {
      expected: expectedArray(spec.type),
      got: describeValue(given ?? input),
      ...wrongArrayHint(spec.type, given),
    })
  }
  const shape = isBare ? rowShape(spec, batchAxis, data.length) : (input as Shaped).shape
  if (!Array.isArray(shape) || !fitsShape(shape, spec.shape)) {
    throw wrongShape(spec, Array.isArray(shape) ? showShape(shape) : describeValue(shape))
  }
  if (batchAxis !== null && shape[batchAxis] === 0)
    throw wrongShape(spec, showShape(shape), 'at least one row')
  if (elementCount(shape) !== data.length) {
    throw new SpillwayError('input_size_invalid', `Input "${spec.name}" has the wrong number of elements`, {
      expected: `${elementCount(shape)} for shape ${showShape(shape)}`,
      got: `${data.length}`,
    })
  }
  if (isStrings(data)) checkStrings(spec, data)
  return { type: spec.type, data, shape }
}

/** ONNX Runtime cuts a string at U+0000, and replaces a lone surrogate. */
const changedByRuntime = /\0|\p{Cs}/u

function checkStrings({ name }: TensorSpec, strings: readonly string[]): void {
  const index = strings.findIndex((text) => changedByRuntime.test(text))
  if (index === -1) return
  throw new SpillwayError('input_value_invalid', `Input "${name}" has an invalid element at ${index}`, {
    expected: 'a string without U+0000 and lone surrogates',
    got: JSON.stringify(strings[index]).slice(0, 40),
  })
}

const wrongShape = (spec: TensorSpec, got: string, open = 'any size') =>
  new SpillwayError('input_shape_invalid', `Input "${spec.name}" has the wrong shape`, {
    expected: expectedShape(spec, open),
    got,
  })

const expectedShape = ({ shape }: TensorSpec, open = 'any size') =>
  shape === null ? 'any shape' : `${showShape(shape)} (-1: ${open})`

/** Fixed shapes of one row, kept because every request needs them. */
const fixedRows = new WeakMap<TensorSpec, readonly number[]>()

/** The shape of a bare array, which is one row. The size of one further open dimension follows from the length. */
function rowShape(spec: TensorSpec, batchAxis: number | null, length: number): readonly number[] {
  const fixed = fixedRows.get(spec)
  if (fixed) return fixed
  const shape = shapeOfRows(spec, batchAxis, 1)
  const open = shape.indexOf(-1)
  if (open === -1) {
    fixedRows.set(spec, shape)
    return shape
  }
  if (spec.shape === null || shape.lastIndexOf(-1) !== open) {
    throw new SpillwayError(
      'input_shape_invalid',
      `The shape of input "${spec.name}" does not follow from its length`,
      {
        expected: `{ data, shape } with ${spec.shape === null ? '' : 'shape '}${expectedShape(spec)}`,
        got: `an array of ${length} elements`,
      },
    )
  }
  const rest = shape.reduce((product, size) => (size === -1 ? product : product * size), 1)
  shape[open] = length === 0 || rest === 0 ? 0 : Math.max(1, Math.floor(length / rest))
  return shape
}

function countRows(
  manifest: Manifest,
  specs: readonly TensorSpec[],
  tensors: Readonly<Record<string, Tensor>>,
): number {
  let rows: number | undefined
  let first = ''
  for (const spec of specs) {
    const axis = batchAxisOf(manifest, spec)
    const tensor = tensors[spec.name]
    if (axis === null || !tensor) continue
    const own = tensor.shape[axis] ?? 1
    if (rows === undefined) {
      rows = own
      first = spec.name
    } else if (own !== rows) {
      throw new SpillwayError('input_shape_invalid', `The inputs of ${manifest.id} differ in rows`, {
        expected: `${countOf(rows, 'row')} in "${spec.name}", as in "${first}"`,
        got: `${own}`,
      })
    }
  }
  return rows ?? 1
}

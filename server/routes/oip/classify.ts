import { halvesToFloats } from '../../../models/core/half.ts'
import {
  batchAxisOf,
  isStrings,
  type Manifest,
  type NumericData,
  SpillwayError,
  type Tensor,
  type TensorSpec,
  type TensorType,
} from '../../../models/core/index.ts'
import { showValue } from '../../../models/core/wording.ts'

/** The extension's name in the server's metadata, and of its parameter of an output. */
export const classificationExtension = 'classification'

/** How an output is answered as its highest values. */
export interface Classification {
  /** The most values of each row. */
  readonly count: number
  /** Whether each index of the first axis is a row of its own; else all elements are one. */
  readonly hasRows: boolean
  /** The names of a row's positions, where the manifest has them. */
  readonly labels: readonly string[]
}

/**
 * Reads the parameter `classification` of an output.
 *
 * @returns Undefined where it is absent.
 * @throws SpillwayError `request_malformed` for a number that is not whole and positive; `not_supported` for an output
 * that has no order, or whose rows are not along its first axis.
 */
export function readClassification(
  manifest: Manifest,
  name: string,
  count: unknown,
): Classification | undefined {
  if (count == null) return undefined
  const param = classificationExtension
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1)
    throw new SpillwayError('request_malformed', `The parameter "${param}" of output "${name}" is invalid`, {
      expected: 'a whole number above zero: how many of the highest values to answer',
      got: showValue(count),
      param,
    })
  const at = manifest.outputs.findIndex((output) => output.name === name)
  const spec = manifest.outputs[at]
  const axis = spec ? batchAxisOf(manifest, spec) : null
  const fault = spec && faultOf(spec, axis)
  if (fault !== undefined)
    throw new SpillwayError('not_supported', `Output "${name}" cannot be classified`, { ...fault, param })
  // The labels of a manifest name the positions of the first output.
  return { count, hasRows: axis === 0, labels: at === 0 ? (manifest.labels ?? []) : [] }
}

function faultOf({ type }: TensorSpec, axis: number | null): { expected: string; got: string } | undefined {
  if (type === 'string' || type === 'bool') return { expected: 'an output of numbers', got: type }
  if (axis === null || axis === 0) return undefined
  return { expected: 'an output with its rows along the first axis', got: `along axis ${axis}` }
}

/**
 * The highest values of each row, as strings `value:index[:label]`, the highest first. Values that are equal are in the
 * order of their indices, and NaN is the lowest of all.
 */
export function classify({ type, data, shape }: Tensor, { count, hasRows, labels }: Classification): Tensor {
  if (isStrings(data)) throw new SpillwayError('internal', 'Strings have no order')
  const rows = hasRows ? (shape[0] ?? 1) : 1
  const size = rows === 0 ? 0 : data.length / rows
  const highest = Math.min(count, size)
  const strings: string[] = []
  for (let row = 0; row < rows; row++) {
    const values = valuesOf(type, data, row * size, size)
    const order = Array.from(values, (_, index) => index).sort(
      (one, other) => compare(values, other, one) || one - other,
    )
    for (const index of order.slice(0, highest)) {
      // Names of positions along the last axis are those of a row that has no other.
      const label = labels.length === size ? labels[index] : undefined
      strings.push(`${show(type, values[index] ?? 0)}:${index}${label === undefined ? '' : `:${label}`}`)
    }
  }
  return { type: 'string', data: strings, shape: hasRows ? [rows, highest] : [highest] }
}

type Values = ArrayLike<number | bigint>

function valuesOf(type: TensorType, data: NumericData, from: number, size: number): Values {
  const values = data.subarray(from, from + size)
  return type === 'float16' && values instanceof Uint16Array ? halvesToFloats(values) : values
}

/** Bigints are compared as they are: numbers would take some of them for equal. */
function compare(values: Values, one: number, other: number): number {
  const [left, right] = [values[one] ?? 0, values[other] ?? 0]
  if (left < right) return -1
  if (left > right) return 1
  return Number(Number.isNaN(right)) - Number(Number.isNaN(left))
}

/** The shortest number that reads as the same 32 bits: `0.1`, not `0.10000000149011612`. */
function show(type: TensorType, value: number | bigint): string {
  if ((type !== 'float32' && type !== 'float16') || typeof value === 'bigint') return String(value)
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits))
    if (Math.fround(shorter) === value) return String(shorter)
  }
  return String(Number(value.toPrecision(9)))
}

import { batchAxisOf } from '../axes.ts'
import { toHalf } from '../half.ts'
import { createData, elementCount, isStrings, type Tensor, type TensorType } from '../tensor.ts'
import type { TensorSpec } from '../tensor-spec.ts'

/** The part of a manifest that a proof needs. */
export interface RowModel {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly batchAxis: 0 | null
}

export type Tensors = Readonly<Record<string, Tensor>>

/** A made-up request. */
export interface TrialRequest {
  readonly inputs: Tensors
  readonly rows: number
  /** Along pad axes. */
  readonly length: number
}

export interface TrialOptions {
  /** Of every open dimension but the number of rows. */
  readonly size: number
  /** Integers of an input are from 1 up to it, exclusive. */
  readonly endOf: (input: string) => number
  /** Some models have no answer for negative numbers. */
  readonly isPositive: boolean
  readonly seed: number
}

/** Rows, magnitude of floats, and how much shorter than `size` along pad axes. */
const kinds = [
  { rows: 1, magnitude: 1, shorter: 0 },
  { rows: 1, magnitude: 100, shorter: 1 },
  { rows: 2, magnitude: 1, shorter: 3 },
  { rows: 1, magnitude: 0.01, shorter: 0 },
]

/** Larger inputs cost more than they tell. */
const maxElements = 2 ** 22

/**
 * Requests that may share a run, of rows that differ in values, in magnitude and, where they may be padded, in length.
 * Undefined where they would be too large.
 */
export function trialRequests(model: RowModel, options: TrialOptions): TrialRequest[] | undefined {
  const random = randomFrom(options.seed)
  const common = new Map<string, Tensor>()
  const requests: TrialRequest[] = []
  for (const { rows, magnitude, shorter } of kinds) {
    const length = Math.max(1, options.size - shorter)
    const inputs: Record<string, Tensor> = {}
    for (const spec of model.inputs) {
      const axis = batchAxisOf(model, spec)
      // Rows of a tensor of any shape are never asked about.
      const shape = (spec.shape ?? []).map((size, at) => {
        if (at === axis) return rows
        if (size !== -1) return size
        return at === spec.pad?.axis ? length : options.size
      })
      if (elementCount(shape) > maxElements) return undefined
      const known = common.get(spec.name)
      const made =
        known ?? makeTensor(spec, shape, { ...options, random, magnitude: axis === null ? 1 : magnitude })
      // Only requests with equal tensors without rows share a run.
      if (axis === null) common.set(spec.name, made)
      inputs[spec.name] = made
    }
    requests.push({ inputs, rows, length })
  }
  return requests
}

interface ElementOptions extends Pick<TrialOptions, 'endOf' | 'isPositive'> {
  readonly random: () => number
  readonly magnitude: number
}

function makeTensor({ name, type }: TensorSpec, shape: readonly number[], options: ElementOptions): Tensor {
  const element = elementOf(name, type, shape.at(-1) ?? 1, options)
  const data = createData(type, elementCount(shape))
  if (isStrings(data)) return { type, data: data.map((_, index) => String(element(index))), shape }
  for (let index = 0; index < data.length; index++) {
    const value = element(index)
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[index] = BigInt(value)
    else data[index] = value
  }
  return { type, data, shape }
}

function elementOf(
  name: string,
  type: TensorType,
  width: number,
  { random, magnitude, isPositive, endOf }: ElementOptions,
): (index: number) => number {
  // Two uniform numbers make a bell that is close enough to a normal distribution.
  const float = () => magnitude * (isPositive ? 0.1 + random() : 2 * (random() + random() - 1))
  if (type === 'float16') return () => toHalf(float())
  if (type.startsWith('float')) return float
  if (type === 'bool') return () => Math.floor(random() * 2)
  if (/mask/i.test(name)) return () => 1
  if (/type|segment/i.test(name)) return () => 0
  if (/position/i.test(name)) return (index) => index % width
  const end = Math.min(endOf(name), type.endsWith('int8') ? 128 : Number.POSITIVE_INFINITY)
  // Not zero: a division by the integer zero ends the process.
  return () => 1 + Math.floor(random() * Math.max(1, end - 1))
}

/** Mulberry32, uniform from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

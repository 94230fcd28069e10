import { batchAxisOf } from '../axes.ts'
import { SpillwayError } from '../error.ts'
import { fromHalf } from '../half.ts'
import { showShape, type Tensor } from '../tensor.ts'
import { createCutter } from './blocks.ts'
import { joinRows } from './join-rows.ts'
import {
  type RowModel,
  type Tensors,
  type TrialOptions,
  type TrialRequest,
  trialRequests,
} from './trial-inputs.ts'

export interface RowProofOptions {
  readonly run: (inputs: Tensors) => Promise<Tensors>
  /** Number of values of an integer input, where the graph says so. */
  readonly endOf?: (input: string) => number | undefined
  /** The largest difference, relative to the largest element of an output. */
  readonly tolerance: number
  /** Asked after each run: whether the proof has taken too long. Then rows share no run. */
  readonly isOverdue?: () => boolean
}

/** Why rows of several requests may not share a run; null where they may. */
export type RowFault = string | null

/** Sums run in another order in a batch, with half floats, too. Rounding by the range of a batch differs by more. */
export const rowTolerance = 1e-3

/** Operators that take their scale from the whole tensor: large numbers in one row make its neighbours coarse. */
export const rangeOperators: readonly string[] = ['DynamicQuantizeLinear', 'DynamicQuantizeMatMul']

export const rangeFault = (operator: string): string => `${operator} rounds by the range of all rows`

/** Sizes of open dimensions that are tried until one runs: lengths of texts, then pictures. */
const openSizes = [8, 64, 224, 3, 1]
/** Values of integer inputs that are tried where the graph does not say how many there are. */
const integerEnds = [100, 4]

/**
 * Runs made-up requests alone and together. Rows are independent where each request gets the same outputs both ways.
 * Padding is part of it where the model has pad axes.
 *
 * @throws Only what is not the model's fault, such as the loss of the lane.
 */
export async function proveRows(model: RowModel, options: RowProofOptions): Promise<RowFault> {
  const isOpen = model.inputs.some((spec) =>
    (spec.shape ?? []).some((size, at) => size === -1 && at !== batchAxisOf(model, spec)),
  )
  let fault = 'it runs on no made-up inputs'
  for (const size of isOpen ? openSizes : [1]) {
    for (const end of integerEnds) {
      const trial = {
        size,
        endOf: (input: string) => options.endOf?.(input) ?? end,
        isPositive: false,
        seed: 1,
      }
      const first = await runTrial(model, trial, options)
      if (first.fault !== undefined) return first.fault
      if (!first.hasRun) continue
      // Inputs of another kind find what these do not. Whether they run at all does not matter.
      const second = await runTrial(model, { ...trial, isPositive: true, seed: 2 }, options)
      if (second.fault !== undefined) return second.fault
      const third = isOpen ? await runTrial(model, { ...trial, size: size + 4, seed: 3 }, options) : undefined
      if (third?.fault !== undefined) return third.fault
      if (first.isConclusive || second.isConclusive || third?.isConclusive) return null
      fault = 'its outputs are the same for all made-up inputs'
    }
  }
  return fault
}

interface TrialResult {
  /** Whether each request runs alone. */
  readonly hasRun: boolean
  /** Whether the outputs depend on the inputs. */
  readonly isConclusive: boolean
  readonly fault?: string
}

async function runTrial(
  model: RowModel,
  trial: TrialOptions,
  options: RowProofOptions,
): Promise<TrialResult> {
  const requests = trialRequests(model, trial)
  if (!requests) return { hasRun: false, isConclusive: false }
  const alone: Tensors[] = []
  for (const { inputs } of requests) {
    const outputs = await unlessRefused(options.run(inputs))
    if (options.isOverdue?.()) return { hasRun: true, isConclusive: false, fault: 'the proof takes too long' }
    if (!outputs) return { hasRun: false, isConclusive: false }
    alone.push(outputs)
  }
  const [fault] = requests.flatMap((request, index) => faultOfShape(model, request, alone[index] ?? {}) ?? [])
  if (fault !== undefined) return { hasRun: true, isConclusive: true, fault }
  for (const order of [
    [0, 1, 2, 3],
    [2, 0],
    [3, 0],
  ]) {
    const fault = await faultOfBatch(model, order, requests, alone, options)
    if (options.isOverdue?.()) return { hasRun: true, isConclusive: false, fault: 'the proof takes too long' }
    if (fault !== undefined) return { hasRun: true, isConclusive: true, fault }
  }
  return { hasRun: true, isConclusive: areConclusive(alone) }
}

/** The outputs; undefined where the model refuses the inputs. */
async function unlessRefused(running: Promise<Tensors>): Promise<Tensors | undefined> {
  try {
    return await running
  } catch (cause) {
    if (cause instanceof SpillwayError && refusals.includes(cause.code)) return undefined
    throw cause
  }
}

const refusals: readonly string[] = [
  'run_failed',
  'model_output_invalid',
  'not_supported',
  'memory_exhausted',
]

function faultOfShape(model: RowModel, { rows, length }: TrialRequest, outputs: Tensors): string | undefined {
  for (const spec of model.outputs) {
    const shape = outputs[spec.name]?.shape
    if (!shape) return `"${spec.name}" is missing`
    const axis = batchAxisOf(model, spec)
    const fits =
      (axis === null || shape[axis] === rows) && (spec.pad === undefined || shape[spec.pad.axis] === length)
    if (!fits) return `"${spec.name}" is ${showShape(shape)} for ${rows === 1 ? 'one row' : `${rows} rows`}`
  }
  return undefined
}

async function faultOfBatch(
  model: RowModel,
  order: readonly number[],
  requests: readonly TrialRequest[],
  alone: readonly Tensors[],
  { run, tolerance }: RowProofOptions,
): Promise<string | undefined> {
  const together = order.flatMap((index) => requests[index] ?? [])
  const inputs = Object.fromEntries(
    model.inputs.map((spec) => [
      spec.name,
      joinRows(
        spec,
        batchAxisOf(model, spec),
        together.map((request) => request.inputs[spec.name]),
      ),
    ]),
  )
  const outputs = await unlessRefused(run(inputs))
  if (!outputs) return 'several rows do not run together'
  const batch: TrialRequest = {
    inputs,
    rows: together.reduce((sum, { rows }) => sum + rows, 0),
    length: together.reduce((longest, { length }) => Math.max(longest, length), 0),
  }
  const fault = faultOfShape(model, batch, outputs)
  if (fault !== undefined) return fault
  for (const spec of model.outputs) {
    const output = outputs[spec.name]
    const axis = batchAxisOf(model, spec)
    let at = 0
    for (const [position, index] of order.entries()) {
      const expected = alone[index]?.[spec.name]
      if (!output || !expected) return `"${spec.name}" is missing`
      const isCut = output.shape.every(
        (size, on) => size === expected.shape[on] || on === axis || on === spec.pad?.axis,
      )
      if (!isCut) return `"${spec.name}" has another shape in a batch`
      const cut = createCutter(output, expected.shape, axis ?? 0)(at)
      if (!areAlike(expected, cut, tolerance))
        return `"${spec.name}" of a row changes with the rows beside it`
      if (axis !== null) at += together[position]?.rows ?? 0
    }
  }
  return undefined
}

/** The element as a number; half floats are stored as bits. */
const numberAt = ({ type, data }: Tensor, index: number): number =>
  type === 'float16' ? fromHalf(Number(data[index])) : Number(data[index])

function areAlike(expected: Tensor, got: Tensor, tolerance: number): boolean {
  if (expected.type === 'string') return expected.data.every((text, index) => text === got.data[index])
  let largest = 0
  let difference = 0
  for (let index = 0; index < expected.data.length; index++) {
    const [one, other] = [numberAt(expected, index), numberAt(got, index)]
    if (Number.isFinite(one)) largest = Math.max(largest, Math.abs(one))
    if (one === other || (Number.isNaN(one) && Number.isNaN(other))) continue
    const error = Math.abs(one - other)
    difference = Math.max(difference, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)
  }
  return difference <= (expected.type.startsWith('float') ? tolerance * largest : 0)
}

/** Whether some output differs between two requests of one row. */
const areConclusive = ([one, other, , third]: readonly Tensors[]): boolean =>
  Object.entries(one ?? {}).some(([name, tensor]) =>
    [other, third].some((outputs) => {
      const compared = outputs?.[name]
      return compared !== undefined && tensor.data.some((_, index) => differ(tensor, compared, index))
    }),
  )

function differ(one: Tensor, other: Tensor, index: number): boolean {
  if (one.type === 'string') return one.data[index] !== other.data[index]
  const [a, b] = [numberAt(one, index), numberAt(other, index)]
  return Number.isFinite(a) && Number.isFinite(b) && a !== b
}

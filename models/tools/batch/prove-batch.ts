import { type ErrorDetail, messageOf, SpillwayError } from '../../core/error.ts'
import { isStrings, showShape, type Tensor } from '../../core/tensor.ts'
import type { Model } from '../onnx/model.ts'
import { elementErrors } from '../run-model/element-errors.ts'
import {
  type LoadOptions,
  type Runnable,
  type Runtime,
  type Tensors,
  toFloats,
} from '../run-model/runtime.ts'
import { withLoaded } from '../run-model/with-loaded.ts'
import { type Row, rowsOf, stack } from './rows.ts'

/** Allowed difference of a row's outputs in a batch, relative to the largest: sums run in another order. */
const tolerance = 1e-4
/** Batch sizes that each row is tried in, besides all rows at once. */
const batchSizes = [1, 3]

export interface Proof {
  /** Number of rows in the largest batch. */
  readonly rows: number
  /** The largest difference between a row's outputs of the original model and those in a batch. */
  readonly largest: number
}

const options: LoadOptions = { backend: 'cpu', threads: 1 }

/**
 * Runs rows through the original model, and through the freed model alone and in batches. Each row must get the same
 * outputs. Rows that the fixed batch had put together run apart, so that a dependence between them shows.
 * @param samples Inputs of the original model; their rows make up the batches.
 * @throws SpillwayError `not_supported` where outputs differ.
 */
export async function proveBatch(
  runtime: Runtime,
  path: string,
  freed: Model,
  samples: readonly Tensors[],
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Proof> {
  const right = await rightAnswers(runtime, path, samples)
  const rows = samples.flatMap(rowsOf)
  return withLoaded(runtime, freed, options, async (runnable) => {
    let largest = 0
    const sizes = [...batchSizes.filter((size) => size < rows.length), rows.length]
    for (const [done, size] of sizes.entries()) {
      for (let start = 0; start + size <= rows.length; start += size) {
        const answers = await runTogether(runnable, rows.slice(start, start + size))
        for (const [index, answer] of answers.entries()) {
          largest = Math.max(largest, differenceOf(right[start + index] ?? {}, answer))
        }
      }
      onProgress(done + 1, sizes.length)
    }
    return { rows: rows.length, largest }
  }).catch((cause: unknown) => {
    throw isRefusal(cause) ? refusal(messageOf(cause)) : cause
  })
}

/** Errors of ONNX Runtime for a graph whose shapes do not match. */
const isRefusal = (cause: unknown): boolean =>
  cause instanceof SpillwayError && (cause.code === 'run_failed' || cause.code === 'model_invalid')

async function rightAnswers(
  runtime: Runtime,
  path: string,
  samples: readonly Tensors[],
): Promise<readonly Row[]> {
  const runnable = await runtime.load(path, options)
  try {
    const answers: Row[] = []
    for (const sample of samples) {
      answers.push(...perRow(await runnable.run(sample), rowsOf(sample).length))
    }
    return answers
  } finally {
    await runnable.release()
  }
}

const runTogether = async (runnable: Runnable, rows: readonly Row[]): Promise<readonly Row[]> =>
  perRow(await runnable.run(stack(rows)), rows.length)

function perRow(outputs: Tensors, count: number): readonly Row[] {
  for (const [name, { shape }] of Object.entries(outputs)) {
    if (shape[0] === count) continue
    throw refusal(`"${name}" does not have one row for each of the input`, {
      got: `${showShape(shape)} for ${count === 1 ? 'one row' : `${count} rows`}`,
    })
  }
  return rowsOf(outputs)
}

function differenceOf(right: Row, other: Row): number {
  let largest = 0
  for (const [name, expected] of Object.entries(right)) {
    const { difference, size } = distance(name, expected, other[name])
    if (!(difference <= tolerance * Math.max(1, size))) {
      throw refusal(`The output "${name}" of a row changes with the rows beside it`, {
        got: `a difference of ${difference.toPrecision(3)}`,
        hint: 'Its rows depend on each other. Layers that round by the range of the whole input do so: free the batch first, then quantize.',
      })
    }
    largest = Math.max(largest, difference)
  }
  return largest
}

function distance(name: string, right: Tensor, other: Tensor | undefined) {
  if (other === undefined || showShape(right.shape) !== showShape(other.shape)) {
    throw refusal(`The output "${name}" of a row has another shape in a batch`, {
      expected: showShape(right.shape),
      got: other ? showShape(other.shape) : 'none',
    })
  }
  const errorAt = elementErrors(right, other)
  const values = isStrings(right.data) ? [] : toFloats(right)
  let [difference, size] = [0, 0]
  for (let index = 0; index < right.data.length; index++) {
    const value = values[index] ?? 0
    if (Number.isFinite(value)) size = Math.max(size, Math.abs(value))
    difference = Math.max(difference, errorAt(index))
  }
  return { difference, size }
}

const refusal = (what: string, detail: ErrorDetail = {}): SpillwayError =>
  new SpillwayError('not_supported', `The model cannot be made to batch: ${what}`, detail)

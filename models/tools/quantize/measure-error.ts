import { SpillwayError } from '../../core/error.ts'
import { isStrings, type Tensor } from '../../core/tensor.ts'
import type { Model } from '../onnx/model.ts'
import { elementErrors } from '../run-model/element-errors.ts'
import { type Runtime, type Tensors, toFloats } from '../run-model/runtime.ts'
import { withLoaded } from '../run-model/with-loaded.ts'

/** Measures the error of a model's outputs, relative to those of the original. */
export type ErrorOf = (model: Model) => Promise<number>

export interface ErrorMeasurement {
  readonly errorOf: ErrorOf
  /** Names of outputs that are not measured: maps and sequences, and tensors that were empty for all samples. */
  readonly leftOut: readonly string[]
}

/**
 * Runs the original model on the samples, for others to be measured against.
 *
 * @throws SpillwayError `not_supported` where no output can be measured.
 */
export async function measureErrorsAgainst(
  runtime: Runtime,
  original: Model,
  samples: readonly Tensors[],
): Promise<ErrorMeasurement> {
  const right = await answersOf(runtime, original, samples)
  const names = original.outputs.map(({ name }) => name)
  const measured = names.filter((name) => right.some((outputs) => (outputs[name]?.data.length ?? 0) > 0))
  if (measured.length === 0) {
    throw new SpillwayError('not_supported', 'The error of this model cannot be measured', {
      expected: 'an output of numbers or strings with at least one element',
      got: names.join(', '),
    })
  }
  return {
    errorOf: async (model) => largestError(measured, right, await answersOf(runtime, model, samples)),
    leftOut: names.filter((name) => !measured.includes(name)),
  }
}

const answersOf = (
  runtime: Runtime,
  model: Model,
  samples: readonly Tensors[],
): Promise<readonly Tensors[]> =>
  withLoaded(runtime, model, { backend: 'cpu', threads: 1 }, async (runnable) => {
    const answers: Tensors[] = []
    for (const sample of samples) answers.push(await runnable.run(sample))
    return answers
  })

/** Root of the squared error over the squared outputs, for the worst output. */
function largestError(
  names: readonly string[],
  right: readonly Tensors[],
  other: readonly Tensors[],
): number {
  let largest = 0
  for (const name of names) {
    const sums = { error: 0, size: 0 }
    for (const [sample, outputs] of right.entries()) addErrors(sums, outputs[name], other[sample]?.[name])
    largest = Math.max(largest, Math.sqrt(sums.error / (sums.size || 1)))
  }
  return largest
}

/** Strings count as 1 each, and differ by 1 or not at all. */
function addErrors(
  sums: { error: number; size: number },
  right: Tensor | undefined,
  other: Tensor | undefined,
): void {
  if (!right) return
  const errorAt = other ? elementErrors(right, other) : () => Number.POSITIVE_INFINITY
  const sizes = isStrings(right.data) ? undefined : toFloats(right)
  for (let index = 0; index < right.data.length; index++) {
    const size = sizes?.[index] ?? 1
    if (!Number.isFinite(size)) continue
    sums.error += errorAt(index) ** 2
    sums.size += size ** 2
  }
}

import { messageOf, SpillwayError } from '../../core/error.ts'
import { trialRequests } from '../../core/rows/trial-inputs.ts'
import type { TensorSpec } from '../../core/tensor-spec.ts'
import { declaredOf, isNoTensor, makeValue } from '../graph/values.ts'
import { typeNamed } from '../onnx/data-type.ts'
import type { Model, Value } from '../onnx/model.ts'
import { type InputValues, withValues } from '../run-model/constant-inputs.ts'
import type { Runnable, Runtime, Tensors } from '../run-model/runtime.ts'

export interface RunOptions {
  readonly runtime: Runtime
  /** Of inputs that have to be certain ones. */
  readonly values: InputValues
  /** Called with what a user should know of the description. */
  readonly onNote: (note: string) => void
}

/** Sizes of open dimensions that are tried until one runs. */
const openSizes = [8, 224, 1]

/**
 * The model with the types and shapes of the outputs that its file leaves open, which is legal: as ONNX Runtime infers
 * them. Where it infers no rank, made-up inputs show it; the sizes stay open. Where those do not run, the shape stays open.
 *
 * @param inputs The inputs to make up.
 */
export async function declareOutputs(
  model: Model,
  inputs: readonly TensorSpec[],
  path: string,
  options: RunOptions,
): Promise<Model> {
  if (model.outputs.every(isDeclared)) return model
  try {
    return await declareByRuntime(model, inputs, path, options)
  } catch (cause) {
    if (!isGivenUp(cause)) throw cause
    options.onNote(`the shapes of some outputs are not known: ${messageOf(cause)}`)
    return model
  }
}

async function declareByRuntime(
  model: Model,
  inputs: readonly TensorSpec[],
  path: string,
  options: RunOptions,
): Promise<Model> {
  const runnable = await options.runtime.load(path, { backend: 'cpu', threads: 1 })
  try {
    const outputs: Value[] = []
    let trial: Promise<Tensors | undefined> | undefined
    for (const value of model.outputs) {
      const found = runnable.outputTypes.find(({ name }) => name === value.name)
      if (isDeclared(value) || found?.type === undefined) {
        outputs.push(value)
        continue
      }
      let shape: readonly (number | string)[] | undefined = found.shape
      if (shape.length === 0) {
        // A scalar and an unknown rank look the same to the runtime.
        trial ??= runOnce(runnable, inputs, options)
        shape = (await trial)?.[value.name]?.shape.map(() => '')
      }
      outputs.push(makeValue(value.name, typeNamed(found.type), shape))
    }
    return { ...model, outputs }
  } finally {
    await runnable.release()
  }
}

/** Whether the file says all of a tensor output, or says that it is no tensor. */
function isDeclared(value: Value): boolean {
  if (isNoTensor(value)) return true
  const { type, shape } = declaredOf(value)
  return type !== 0 && shape !== undefined
}

/** Whether the runtime crashed on the model or took too long. Nothing more comes of it. */
const isGivenUp = (cause: unknown): boolean =>
  cause instanceof SpillwayError && (cause.code === 'lane_lost' || cause.code === 'deadline_exceeded')

async function runOnce(
  runnable: Runnable,
  inputs: readonly TensorSpec[],
  { values, onNote }: RunOptions,
): Promise<Tensors | undefined> {
  for (const size of openSizes) {
    const trial = { size, endOf: () => 4, isPositive: true, seed: 1 }
    const [request] = trialRequests({ inputs, outputs: [], batchAxis: null }, trial) ?? []
    if (!request) continue
    try {
      return await runnable.run(withValues(request.inputs, values))
    } catch (cause) {
      // Made-up values do not suit every model.
      if (!isGivenUp(cause)) continue
      onNote(`the shapes of some outputs are not known: ${messageOf(cause)}`)
      return undefined
    }
  }
  return undefined
}

import type * as Transformers from '@huggingface/transformers'
import { type Inputs, type Manifest, SpillwayError, type TensorType } from '../../../models/core/index.ts'
import type { Model } from '../../api/model.ts'
import type { TaskTurns } from './task-turns.ts'

type Tensor = Transformers.Tensor
type Tensors = Readonly<Record<string, Tensor>>

/** What the pipelines of transformers.js use of a model: it is called with tensors, and has a configuration. */
export interface ModelFunction {
  (inputs: Tensors): Promise<Tensors>
  readonly config: Transformers.PretrainedConfig
  readonly sessions: { readonly model: { readonly inputNames: string[]; readonly outputNames: string[] } }
  dispose(): Promise<void>
}

/** A model of a runtime, as pipelines call it. Calls at the same time share runs. */
export function createModelFunction(
  { Tensor }: typeof Transformers,
  model: Model,
  config: Transformers.PretrainedConfig,
  turns: TaskTurns,
): ModelFunction {
  const { manifest } = model
  const names = (tensors: Manifest['inputs']) => tensors.map(({ name }) => name)
  const call = async (given: Tensors): Promise<Tensors> => {
    const { outputs } = await model.run(toInputs(manifest, given, Tensor))
    // The rows of a batch are answered together, and what follows the model takes time for each.
    await turns.next()
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { type, data, shape }]) => [
        name,
        new Tensor(type as Tensor['type'], data as Tensor['data'], [...shape]),
      ]),
    )
  }
  return Object.assign(call, {
    config,
    sessions: { model: { inputNames: names(manifest.inputs), outputNames: names(manifest.outputs) } },
    // The runtime's models share its lanes, which are the runtime's to end.
    dispose: async () => undefined,
  })
}

/**
 * The inputs that the model has, of those that a tokenizer or processor makes. Masks and kinds of sentences that it does
 * not make are as for one whole sentence, as in transformers.js.
 */
function toInputs(manifest: Manifest, given: Tensors, Tensor: typeof Transformers.Tensor): Inputs {
  const inputs: Record<string, { readonly data: Tensor['data']; readonly shape: number[] }> = {}
  for (const { name, type } of manifest.inputs) {
    const tensor = given[name] ?? defaultOf(name, type, given, Tensor)
    if (!tensor)
      throw new SpillwayError('input_name_invalid', `${manifest.id} needs the input "${name}"`, {
        expected: manifest.inputs.map((input) => input.name).join(', '),
        got: Object.keys(given).join(', '),
      })
    inputs[name] = { data: tensor.data, shape: tensor.dims }
  }
  return inputs as Inputs
}

function defaultOf(
  name: string,
  type: TensorType,
  { input_ids: ids, pixel_values: pixels }: Tensors,
  Tensor: typeof Transformers.Tensor,
): Tensor | undefined {
  if (type !== 'int64') return undefined
  const filled = (dims: number[], value: bigint) =>
    new Tensor('int64', new BigInt64Array(size(dims)).fill(value), dims)
  if (name === 'token_type_ids' && ids) return filled(ids.dims, 0n)
  if (name === 'attention_mask' && ids) return filled(ids.dims, 1n)
  if (name === 'pixel_mask' && pixels) {
    const [batch = 1, , height = 1, width = 1] = pixels.dims
    return filled([batch, height, width], 1n)
  }
  return undefined
}

const size = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1)

import { SpillwayError } from '../../core/error.ts'
import { tensorTypes } from '../../core/tensor.ts'
import type { TensorSpec } from '../../core/tensor-spec.ts'
import type { GraphFacts } from '../../hub/index.ts'
import { declaredOf } from '../graph/values.ts'
import { batchFault } from '../inspect/batch-fault.ts'
import { nameOf } from '../onnx/data-type.ts'
import type { Model, Value } from '../onnx/model.ts'

/**
 * Tensors of a decoder's own keys and values, as lanes keep them: not part of its interface, and different between
 * variants. Other caches, such as `past_key_values.0.decoder.key` beside an encoder's, are ordinary inputs and outputs.
 */
const cacheName = /^(?:past_key_values|present)\.\d+\.(?:key|value)$/
const ownCacheName = /^past_key_values\.\d+\.key$/

export const cacheInputs = ({ inputs }: Model): readonly Value[] =>
  inputs.filter(({ name }) => ownCacheName.test(name))

/** The inputs or outputs of a model that callers give and get. */
const interfaceOf = (model: Model, values: readonly Value[]): readonly Value[] =>
  cacheInputs(model).length === 0 ? values : values.filter(({ name }) => !cacheName.test(name))

/** @throws SpillwayError `not_supported` for inputs that are not tensors of numbers or strings. */
export const inputSpecs = (model: Model): TensorSpec[] =>
  interfaceOf(model, model.inputs).map((value) => {
    const spec = specOf(value)
    if (spec) return spec
    throw unfit(value)
  })

/**
 * Outputs that are no tensors are left out.
 *
 * @param onLeftOut Called with the name of each.
 * @throws SpillwayError `not_supported` where no output is a tensor.
 */
export function signatureOf(
  model: Model,
  inputs: TensorSpec[],
  onLeftOut: (output: string) => void,
): GraphFacts['signature'] {
  const outputs: TensorSpec[] = []
  const kept: Value[] = []
  for (const value of interfaceOf(model, model.outputs)) {
    const spec = specOf(value)
    if (spec) {
      outputs.push(spec)
      kept.push(value)
    } else onLeftOut(value.name)
  }
  const [first] = model.outputs
  if (outputs.length === 0 && first) throw unfit(first)
  const mayBatch = batchFault(interfaceOf(model, model.inputs), kept) === null
  return { inputs, outputs, batchAxis: mayBatch ? 0 : null }
}

function specOf(value: Value): TensorSpec | undefined {
  const { type, shape } = declaredOf(value)
  const name = tensorTypes.find((known) => known === nameOf(type))
  if (!name) return undefined
  return {
    name: value.name,
    type: name,
    shape: shape?.map((size) => (typeof size === 'number' && size > 0 ? size : -1)) ?? null,
  }
}

function unfit(value: Value): SpillwayError {
  const kind = value.type?.value.case
  const isTensor = kind === undefined || kind === 'tensorType'
  const got = isTensor ? nameOf(declaredOf(value).type) : kind.replace('Type', '')
  return new SpillwayError('not_supported', `"${value.name}" is not a tensor of numbers or strings`, {
    expected: tensorTypes.join(', '),
    got,
  })
}

import { SpillwayError } from '../../core/error.ts'
import { malformed } from '../errors.ts'
import type { TensorMap } from '../import/hub/safetensors.ts'
import type { Weight } from '../onnx/weight.ts'
import type { LowRank } from './adapter.ts'
import { keyOf, type ProjectionPlace, projectionNames } from './projection.ts'

const tensorName = /^(.+)\.lora_([AB])\.weight$/
const moduleName = /^(?:model\.)?layers\.(\d{1,4})\.(?:self_attn|mlp)\.(\w+)$/

/**
 * The pairs of matrices of an adapter, by `keyOf` of their places.
 *
 * @param tensors By names such as `model.layers.0.self_attn.q_proj.lora_A.weight`: `[rank, inputs]`, and `lora_B` as
 * `[outputs, rank]`.
 * @param scaleOf The factor of a module's product.
 * @throws SpillwayError `model_invalid` for a matrix without the other, or `not_supported` for another tensor.
 */
export function lowRankParts(
  tensors: TensorMap,
  scaleOf: (module: string, rank: number) => number,
): ReadonlyMap<string, LowRank> {
  const parts = new Map<string, LowRank>()
  for (const tensor of tensors.keys()) {
    const [, module = '', side] = tensorName.exec(tensor) ?? []
    const place = placeOf(module)
    if (!place) throw unsupported(tensor)
    const pair = (side: string) => matrix(tensors, `${module}.lora_${side}.weight`)
    // Both sides are read with the first: without the second there is an error.
    if (side === 'B' && pair('A')) continue
    const [a, b] = [pair('A'), pair('B')]
    const [rank = 0] = a.dims
    if (b.dims[1] !== rank || rank === 0) {
      throw malformed(`The two matrices of "${module}" do not fit each other`, {
        expected: `[outputs, ${rank}]`,
        got: `[${b.dims.join(', ')}]`,
      })
    }
    parts.set(keyOf(place), { place, a, b, rank, scale: scaleOf(module, rank) })
  }
  return parts
}

function placeOf(module: string): ProjectionPlace | undefined {
  const [, layer, last] = moduleName.exec(module) ?? []
  const name = projectionNames.find((one) => one === last)
  return name && { layer: Number(layer), name }
}

function matrix(tensors: TensorMap, name: string): Weight {
  const weight = tensors.get(name)
  if (weight?.dims.length === 2) return weight
  if (!weight) throw malformed(`The adapter has no tensor "${name}"`)
  throw malformed(`The tensor "${name}" is no matrix`, { got: `[${weight.dims.join(', ')}]` })
}

const unsupported = (tensor: string) =>
  new SpillwayError('not_supported', 'The adapter changes what is not supported', {
    expected: `LoRA matrices of ${projectionNames.join(', ')}, as floats`,
    got: tensor,
  })

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import { malformed } from '../errors.ts'
import { parseJson, readSafetensors, type TensorMap } from '../import/hub/safetensors.ts'
import type { Weight } from '../onnx/weight.ts'
import type { Adapter, LowRank } from './adapter.ts'
import { type PeftConfig, readPeftConfig } from './peft-config.ts'
import { keyOf, type ProjectionPlace, projectionNames } from './projection.ts'

const configFile = 'adapter_config.json'
const weightsFile = 'adapter_model.safetensors'

/**
 * Reads a LoRA adapter as PEFT saves it: a folder with `adapter_config.json` and `adapter_model.safetensors`.
 *
 * @throws SpillwayError `file_missing`, `file_truncated`, `model_invalid`, or `not_supported` for what a graph cannot compute.
 */
export function readPeftAdapter(name: string, folder: string): Adapter {
  for (const file of [configFile, weightsFile]) {
    if (!existsSync(join(folder, file))) throw missing(folder, file)
  }
  const path = join(folder, configFile)
  const config = readPeftConfig(parseJson(readFileSync(path, 'utf8'), path), path)
  const tensors = readSafetensors(join(folder, weightsFile))
  const parts = partsOf(tensors, config)
  if (parts.size === 0) throw malformed(`${join(folder, weightsFile)} holds no adapter`)
  return { name, base: config.base, parts, skipsLayers: config.skipsLayers }
}

const tensorName = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/
const moduleName = /^(?:model\.)?layers\.(\d{1,4})\.(?:self_attn|mlp)\.(\w+)$/

function partsOf(tensors: TensorMap, config: PeftConfig): ReadonlyMap<string, LowRank> {
  const parts = new Map<string, LowRank>()
  for (const tensor of tensors.keys()) {
    const [, module = '', side] = tensorName.exec(tensor) ?? []
    const place = placeOf(module)
    if (!place) throw unsupported(tensor)
    const pair = (side: string) => matrix(tensors, `base_model.model.${module}.lora_${side}.weight`)
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
    parts.set(keyOf(place), { place, a, b, rank, scale: config.scaleOf(module, rank) })
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
    expected: `LoRA matrices of ${projectionNames.join(', ')}`,
    got: tensor,
  })

const missing = (folder: string, file: string) =>
  new SpillwayError('file_missing', `There is no ${file} in ${folder}`, {
    expected: `a LoRA adapter as PEFT saves it: ${configFile} and ${weightsFile}`,
  })

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import { malformed } from '../errors.ts'
import { parseJson, readSafetensors } from '../import/hub/safetensors.ts'
import type { Adapter } from './adapter.ts'
import { lowRankParts } from './low-rank-parts.ts'
import { readPeftConfig } from './peft-config.ts'

const configFile = 'adapter_config.json'
const weightsFile = 'adapter_model.safetensors'

/** PEFT wraps the model, and the wrap is in the names of its tensors. */
const wrap = /^base_model\.model\./

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
  const tensors = new Map(
    [...readSafetensors(join(folder, weightsFile))].map(([tensor, weight]) => [
      tensor.replace(wrap, ''),
      weight,
    ]),
  )
  const parts = lowRankParts(tensors, config.scaleOf)
  if (parts.size === 0) throw malformed(`${join(folder, weightsFile)} holds no adapter`)
  return { name, base: config.base, parts, skipsLayers: config.skipsLayers }
}

const missing = (folder: string, file: string) =>
  new SpillwayError('file_missing', `There is no ${file} in ${folder}`, {
    expected: `a LoRA adapter as PEFT saves it: ${configFile} and ${weightsFile}`,
  })

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import type { Model } from '../onnx/model.ts'
import { arraySamples } from './array-samples.ts'
import { jsonSamples } from './json-samples.ts'
import type { Tensors } from './runtime.ts'

/** What the commands say of the samples that they take. */
export const samplesHelp =
  'samples: .json, .json.gz (a list of {input: numbers}) or .npy, or a folder of them'

/** @throws SpillwayError `file_missing` or `input_value_invalid`. */
export function readSamples(model: Model, path: string): Tensors[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new SpillwayError('file_missing', `There are no samples at ${path}`)
  const files = stat.isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path]
  const samples = [
    ...files
      .filter((file) => /\.json(\.gz)?$/.test(file))
      .sort()
      .flatMap((file) => jsonSamples(model, file)),
    ...arraySamples(model, files.filter((file) => file.endsWith('.npy')).sort()),
  ]
  if (samples.length > 0) return samples
  throw new SpillwayError('file_missing', `There are no samples in ${path}`, {
    expected: '.json, .json.gz or .npy',
  })
}

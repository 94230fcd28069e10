import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import { elementCount, type Tensor } from '../../core/tensor.ts'
import { invalidSample } from '../errors.ts'
import type { Model } from '../onnx/model.ts'
import { jsonSamples } from './json-samples.ts'
import { parseNpy } from './npy.ts'
import type { Tensors } from './runtime.ts'

/**
 * Reads samples from a file, or from all files in a folder.
 *
 * @param known Inputs that samples may leave out.
 * @throws SpillwayError `file_missing` or `input_value_invalid`.
 */
export function readSamples(model: Model, path: string, known: ReadonlySet<string> = new Set()): Tensors[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new SpillwayError('file_missing', `There are no samples at ${path}`)
  const files = stat.isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path]
  const samples = [
    ...files
      .filter((file) => /\.json(\.gz)?$/.test(file))
      .sort()
      .flatMap((file) => jsonSamples(model, file, known)),
    ...arraySamples(model, files.filter((file) => file.endsWith('.npy')).sort()),
  ]
  if (samples.length > 0) return samples
  throw new SpillwayError('file_missing', `There are no samples in ${path}`, {
    expected: '.json, .json.gz or .npy',
  })
}

/** Samples from NumPy arrays, whose first axis counts samples. Several files hold one input each, by name. */
export function arraySamples(model: Model, files: readonly string[]): Tensors[] {
  const inputs = new Map<string, Tensor[]>()
  for (const file of files) {
    const name = inputOf(model, file)
    inputs.set(name, [...(inputs.get(name) ?? []), ...rows(parseNpy(readFileSync(file), file))])
  }
  const count = Math.min(...[...inputs.values()].map((list) => list.length))
  return Array.from({ length: Number.isFinite(count) ? count : 0 }, (_, index) =>
    Object.fromEntries([...inputs].flatMap(([name, list]) => (list[index] ? [[name, list[index]]] : []))),
  )
}

function inputOf({ inputs }: Model, file: string): string {
  const name = basename(file, extname(file))
  const found = inputs.find((input) => input.name === name) ?? (inputs.length === 1 ? inputs[0] : undefined)
  if (found) return found.name
  throw invalidSample(file, `a name out of ${inputs.map((input) => input.name).join(', ')}`, name)
}

function rows({ type, data, shape }: Tensor): Tensor[] {
  const [count = 1, ...rest] = shape
  const each = elementCount(rest)
  return Array.from({ length: count }, (_, index) => ({
    type,
    data: data.slice(index * each, (index + 1) * each),
    shape: [1, ...rest],
  }))
}

import { readFileSync } from 'node:fs'
import { basename, extname } from 'node:path'
import { elementCount, type Tensor } from '../../core/tensor.ts'
import type { Model } from '../onnx/model.ts'
import { notSample } from './not-sample.ts'
import { parseNpy } from './npy.ts'
import type { Tensors } from './runtime.ts'

/** Arrays whose first axis counts samples; several files give one input each, by their names. */
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
  throw notSample(file, `a name out of ${inputs.map((input) => input.name).join(', ')}`, name)
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

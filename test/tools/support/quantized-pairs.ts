import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TargetBackend } from '../../../models/tools/quantize/target.ts'
import { digitsFolder } from '../../support/test-models.ts'
import { spillwayJson } from './command.ts'
import { readPictures } from './pictures.ts'
import { published } from './real-models.ts'

/** A model as it was and quantized, and what to run both on. */
export interface Pair {
  readonly name: string
  readonly full: string
  readonly small: string
  readonly precision: string
  readonly input: {
    readonly name: string
    readonly type: 'float32' | 'int32'
    readonly shape: readonly number[]
  }
  /** Samples where there are better ones than random numbers. */
  readonly samples?: string
}

type Make = (folder: string, backend: TargetBackend) => Promise<Pair>

const image = (name: string, shape: readonly number[]): Pair['input'] => ({ name, type: 'float32', shape })

async function freed(folder: string, path: string): Promise<string> {
  const out = join(folder, 'batch.onnx')
  await spillwayJson('batch', path, '-o', out)
  return out
}

async function quantized(
  full: string,
  folder: string,
  backend: TargetBackend,
  precision: string,
  ...options: readonly string[]
): Promise<{ full: string; small: string; precision: string }> {
  const small = join(folder, `${precision}-${backend}.onnx`)
  await spillwayJson('quantize', full, '--to', precision, '--for', backend, ...options, '-o', small)
  return { full, small, precision }
}

/** What suits each of the published models, and `digits` as it is shipped. */
export const pairs: Readonly<Record<string, Make>> = {
  digits: async (_folder, backend) => {
    const precision = backend === 'webgpu' ? 'fp16' : 'q8'
    const file = (variant: string) => join(digitsFolder, variant, 'model.onnx')
    const files = { full: file('fp32'), small: file(precision), precision }
    return { name: 'digits', ...files, input: image('image', [1, 1, 28, 28]) }
  },
  mnist: async (folder, backend) => ({
    name: 'mnist',
    ...(await quantized(await freed(folder, published('mnist', 'mnist.onnx')), folder, backend, 'q8')),
    input: image('Input3', [1, 1, 28, 28]),
  }),
  'mnist-mlp': async (folder, backend) => {
    const full = published('mnist', 'mnist_original.onnx')
    const precision = backend === 'webgpu' ? 'q4' : 'q8'
    // Products of bytes saturate on processors without VNNI: seven bits give one answer everywhere.
    const range = precision === 'q8' ? ['--reduce-range'] : []
    const made = await quantized(full, folder, backend, precision, ...range)
    return { name: 'mnist-mlp', ...made, input: image('input1', [1, 784]) }
  },
  magika: async (folder, backend) => ({
    name: 'magika',
    ...(await quantized(published('magika', 'model.onnx'), folder, backend, 'q8')),
    input: { name: 'bytes', type: 'int32', shape: [1, 2048] },
  }),
  ultraface: async (folder, backend) => {
    const full = await freed(folder, published('ultraface', 'version-RFB-320.onnx'))
    const photos = await readPictures(
      ['face-2.jpg', 'face-8.jpg'].map((name) => published('ultraface', name)),
      { width: 320, height: 240, mean: 127, deviation: 128 },
    )
    const samples = join(folder, 'photos.json')
    writeFileSync(samples, JSON.stringify(photos.map((photo) => ({ input: [...photo] }))))
    const calibrate = backend === 'webgpu' ? [] : ['--calibrate', samples, '--percentile', '99.99']
    const made = await quantized(full, folder, backend, 'q8', ...calibrate)
    return { name: 'ultraface', ...made, input: image('input', [1, 3, 240, 320]), samples }
  },
}

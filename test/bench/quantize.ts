import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { sizeOfFiles } from '../../models/tools/onnx/files.ts'
import { parseModel } from '../../models/tools/onnx/read.ts'
import { saveModel } from '../../models/tools/onnx/save.ts'
import { weightFrom } from '../../models/tools/onnx/weight.ts'
import { randomFrom } from '../../models/tools/run-model/random-samples.ts'
import { emptyFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'
import { type Bench, type Comparison, median } from './bench-definition.ts'

/** Six square matrices of floats: about 100 MB. */
const width = 2_048
const layers = 6
const megabytes = 100
const secondsAllowed = 15
/** Peak memory beyond the file, in multiples of the largest tensor. */
const tensorsAllowed = 3
const shareAllowed = 0.16

const precisions = ['q4', 'q4f16', 'q8', 'fp16'] as const
const rounds = 3

/** Writes a chain of products with square matrices of that width; returns the bytes written. */
function writeModel(path: string, width: number): number {
  const names = Array.from({ length: layers }, (_, index) => `matrix${index}`)
  const proto = modelProto({
    nodes: names.map((name, index) => ({
      op: 'MatMul',
      inputs: [index === 0 ? 'x' : `y${index - 1}`, name],
      outputs: [index === layers - 1 ? 'y' : `y${index}`],
    })),
    inputs: [value('x', ['batch', width]), ...names.map((name) => value(name, [width, width]))],
    outputs: [value('y', ['batch', width])],
  })
  const random = randomFrom(1)
  const matrix = () => Float32Array.from({ length: width * width }, () => random.uniform() - 0.5)
  const model = parseModel(encode(proto))
  const weights = new Map(
    names.map((name) => [name, weightFrom(name, DataType.FLOAT, [width, width], matrix)]),
  )
  const inputs = model.inputs.filter(({ name }) => name === 'x')
  return sizeOfFiles(saveModel({ ...model, inputs, weights }, path))
}

interface Cost {
  readonly cpuMs: number
  readonly peakBytes: number
}

/** What a command costs in a process of its own that is warmed up with a small model. */
async function costOf(small: string, file: string, args: readonly string[]): Promise<Cost> {
  const script = fileURLToPath(new URL('../tools/support/cost-of.ts', import.meta.url))
  const both = ['quantize', small, ...args, '--', 'quantize', file, ...args]
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, ...both])
  return JSON.parse(stdout)
}

const bound = (metric: string, ours: number, allowed: number, unit: string): Comparison => ({
  bench: 'quantize',
  metric,
  ours,
  theirs: allowed,
  ratio: ours,
  reach: `≤ ${allowed} ${unit}`.trimEnd(),
  ok: ours <= allowed,
})

export const quantize: Bench = {
  name: 'quantize',
  description: `q4 of a float model of six ${width} × ${width} matrices, and its memory for other precisions too, in processes of their own; theirs is what is allowed`,
  run: async () => {
    const folder = await emptyFolder()
    const [file, small] = [join(folder, 'model.onnx'), join(folder, 'small.onnx')]
    const bytes = writeModel(file, width)
    writeModel(small, 64)
    const outOf = (precision: string) => join(folder, `${precision}.onnx`)
    const costs = new Map<string, Cost[]>(precisions.map((precision) => [precision, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [precision, list] of costs)
        list.push(await costOf(small, file, ['--to', precision, '-o', outOf(precision)]))
    }
    const cpuMs = median((costs.get('q4') ?? []).map((cost) => cost.cpuMs))
    const perHundred = (cpuMs / 1_000) * ((megabytes * 1e6) / bytes)
    const peaks = [...costs.values()].map((list) => median(list.map(({ peakBytes }) => peakBytes)))
    const beyond = (Math.max(...peaks) - bytes) / (width * width * 4)
    return [
      bound('CPU seconds for 100 MB', perHundred, secondsAllowed, 's'),
      bound(
        `peak memory beyond the file, the most of ${precisions.join(', ')}, in largest tensors`,
        beyond,
        tensorsAllowed,
        '',
      ),
      bound('q4 of matrices, share of fp32', sizeOfFiles([outOf('q4')]) / bytes, shareAllowed, ''),
    ]
  },
}

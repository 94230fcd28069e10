import { Command, Option } from 'commander'
import { checkLimits, compareModels } from '../../tools/compare/compare.ts'
import { openModel } from '../../tools/onnx/files.ts'
import { ortRuntime } from '../../tools/run-model/ort.ts'
import type { ToolBackend } from '../../tools/run-model/runtime.ts'
import { type Io, styleOf } from '../io.ts'
import {
  fraction,
  jsonOption,
  positiveInteger,
  positiveNumber,
  shapeOption,
  valueOption,
} from '../options.ts'
import { type ComparisonReport, showComparison } from '../output/compare.ts'
import { withProgress } from '../progress.ts'
import { backendsOption, chooseSamples, type SampleOptions, samplesOption } from '../samples.ts'

interface Options extends SampleOptions {
  readonly on: readonly ToolBackend[]
  readonly threads: number
  readonly maxError?: number
  readonly minAgreement?: number
  readonly json?: boolean
}

const examples = `
Examples:
  $ spillway compare model.onnx model.q8.onnx
  $ spillway compare model.onnx model.q4.onnx --samples rows.json --on cpu,wasm
  $ spillway compare model.onnx model.q8.onnx --samples rows.npy --min-agreement 0.98`

export const compareCommand = (io: Io): Command =>
  new Command('compare')
    .description('how far two models differ in their answers, their size and their speed')
    .argument('<a>', 'an ONNX model')
    .argument('<b>', 'another that takes and gives the same')
    .addOption(samplesOption())
    .addOption(shapeOption())
    .addOption(valueOption())
    .addOption(backendsOption())
    .addOption(new Option('--threads <count>', 'threads of each run').argParser(positiveInteger).default(1))
    .addOption(
      new Option('--max-error <error>', 'end with 1 past this largest error').argParser(positiveNumber),
    )
    .addOption(
      new Option('--min-agreement <share>', 'end with 1 below this share of same top answers').argParser(
        fraction,
      ),
    )
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (a: string, b: string, options: Options) => {
      const report = await compare(io, a, b, options)
      io.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : showComparison(report, styleOf(io)))
      checkLimits(report, options)
    })

async function compare(io: Io, a: string, b: string, options: Options): Promise<ComparisonReport> {
  const [first, second] = [openModel(a), openModel(b)]
  const { samples, from } = chooseSamples(first.model, options)
  const comparison = await withProgress(io, 'Running both', (onProgress) =>
    compareModels(ortRuntime, a, b, samples, { backends: options.on, threads: options.threads, onProgress }),
  )
  return { a: { file: a, bytes: first.bytes }, b: { file: b, bytes: second.bytes }, from, ...comparison }
}

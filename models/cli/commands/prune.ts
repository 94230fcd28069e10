import { Command, Option } from 'commander'
import { openModel } from '../../tools/onnx/files.ts'
import { pruneFile } from '../../tools/prune/prune-file.ts'
import { ortRuntime } from '../../tools/run-model/ort.ts'
import type { ToolBackend } from '../../tools/run-model/runtime.ts'
import { type Io, styleOf } from '../io.ts'
import { fraction, jsonOption, requiredFile, shapeOption, valueOption } from '../options.ts'
import { type PruneReport, showPruneReport } from '../output/prune.ts'
import { withProgress } from '../progress.ts'
import { backendsOption, chooseSamples, type SampleOptions, samplesOption } from '../samples.ts'

interface Options extends SampleOptions {
  readonly out: string
  readonly sparsity?: number
  readonly threshold?: number
  readonly on: readonly ToolBackend[]
  readonly json?: boolean
}

const examples = `
Without --sparsity and --threshold nothing goes but what is dead: channels of zeros, and channels that nothing
reads. With --samples what channels do on them decides, without them their weights.

Examples:
  $ spillway prune model.onnx -o model.pruned.onnx
  $ spillway prune model.onnx --sparsity 0.3 --samples rows.npy -o model.pruned.onnx
  $ spillway prune model.onnx --threshold 0.05 --on cpu,wasm -o model.pruned.onnx`

export const pruneCommand = (io: Io): Command =>
  new Command('prune')
    .description('a model without the channels and neurons that it does not need')
    .argument('<file>', 'an ONNX model of floats')
    .addOption(requiredFile())
    .addOption(
      new Option(
        '--sparsity <share>',
        "the share of each layer's channels to take out, the weakest first",
      ).argParser(fraction),
    )
    .addOption(
      new Option(
        '--threshold <share>',
        "take out channels weaker than this share of their layer's strongest",
      ).argParser(fraction),
    )
    .addOption(samplesOption())
    .addOption(shapeOption())
    .addOption(valueOption())
    .addOption(backendsOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (file: string, options: Options) => {
      const report = await run(io, file, options)
      io.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : showPruneReport(report, styleOf(io)))
    })

async function run(io: Io, file: string, options: Options): Promise<PruneReport> {
  const { out, sparsity = 0, threshold = 0, on: backends } = options
  const opened = openModel(file)
  const { samples, from } = chooseSamples(opened.model, options)
  const { bytes, comparison, ...pruned } = await withProgress(io, 'Pruning', (onProgress) =>
    pruneFile(ortRuntime, opened, out, {
      sparsity,
      threshold,
      samples,
      measured: options.samples !== undefined,
      backends,
      onProgress,
    }),
  )
  const files = { a: { file, bytes: opened.bytes }, b: { file: out, bytes } }
  return { ...pruned, comparison: { ...files, from, ...comparison } }
}

import { Command, Option } from 'commander'
import { SpillwayError } from '../../core/error.ts'
import { compareModels } from '../../tools/compare/compare.ts'
import { openModel } from '../../tools/onnx/files.ts'
import { saveModel } from '../../tools/onnx/save.ts'
import { modelSize } from '../../tools/onnx/write.ts'
import { type Pruned, prune } from '../../tools/prune/prune.ts'
import { prepare } from '../../tools/quantize/quantize.ts'
import { ortRuntime } from '../../tools/run/ort.ts'
import type { ToolBackend } from '../../tools/run/runtime.ts'
import { withLoaded } from '../../tools/run/with-loaded.ts'
import { type Io, styleOf } from '../io.ts'
import { fraction, jsonOption, requiredFile } from '../options.ts'
import { type PruneReport, showPruneReport } from '../output/prune.ts'
import { startProgress } from '../progress.ts'
import { backendsOption, chooseSamples, samplesOption } from '../samples.ts'

interface Options {
  readonly out: string
  readonly sparsity?: number
  readonly threshold?: number
  readonly samples?: string
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
    .addOption(backendsOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (file: string, options: Options) => {
      const report = await run(io, file, options)
      io.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : showPruneReport(report, styleOf(io)))
    })

async function run(io: Io, file: string, options: Options): Promise<PruneReport> {
  const { out, sparsity = 0, threshold = 0, on } = options
  const { model, bytes } = openModel(file)
  const { samples, from } = chooseSamples(model, options.samples, new Map())
  const progress = startProgress(io, 'Pruning')
  try {
    const seen = options.samples === undefined ? [] : samples
    const pruned = await prune(ortRuntime, prepare(model), { sparsity, threshold }, seen, progress.update)
    const after = modelSize(pruned.model)
    if (after >= bytes) throw noSmaller(bytes, after)
    const load = { backend: 'cpu', threads: 1 } as const
    const comparison = await withLoaded(ortRuntime, pruned.model, load, async (_runnable, path) =>
      compareModels(ortRuntime, file, path, samples, {
        backends: on,
        threads: 1,
        onProgress: progress.update,
      }),
    )
    checkSame(pruned, comparison.outputs)
    saveModel(pruned.model, out)
    const { layers, kept, exact } = pruned
    const files = { a: { file, bytes }, b: { file: out, bytes: after } }
    return { layers, kept, exact, comparison: { ...files, from, ...comparison } }
  } finally {
    progress.stop()
  }
}

/** What sums made in another order may differ by. */
const rounding = 1e-3

function checkSame({ exact }: Pruned, outputs: readonly { output: string; largest: number }[]): void {
  const off = outputs.find(({ largest }) => !(largest <= rounding))
  if (!exact || off === undefined) return
  throw new SpillwayError(
    'internal',
    `"${off.output}" is another without channels that were taken for dead`,
    {
      got: `a difference of ${off.largest}`,
    },
  )
}

const noSmaller = (before: number, after: number) =>
  new SpillwayError('not_supported', 'The model gets no smaller', {
    expected: `less than ${before} bytes`,
    got: `${after}`,
  })

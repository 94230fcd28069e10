import { Command, Option } from 'commander'
import { openModel } from '../../tools/onnx/files.ts'
import { quantizeFile } from '../../tools/quantize/quantize-file.ts'
import {
  type Precision,
  precisions,
  type Target,
  type TargetBackend,
  targets,
} from '../../tools/quantize/target.ts'
import { ortRuntime } from '../../tools/run-model/ort.ts'
import { readSamples } from '../../tools/run-model/read-samples.ts'
import { separateRuntime } from '../../tools/run-model/separate-runtime.ts'
import { type Io, plain, styleOf } from '../io.ts'
import {
  jsonOption,
  percent,
  positiveNumber,
  requiredFile,
  runLimitOption,
  shapeOption,
  valueOption,
} from '../options.ts'
import { keptOf, layersOf, type QuantizeReport, showQuantizeReport } from '../output/quantize.ts'
import { withProgress } from '../progress.ts'
import { chooseSamples, type SampleOptions, samplesHelp } from '../samples.ts'

const defaultTarget: TargetBackend = 'webgpu'

interface Options extends SampleOptions {
  readonly to: Precision
  readonly for?: TargetBackend
  readonly out: string
  readonly calibrate?: string
  readonly percentile?: number
  readonly asymmetric?: boolean
  readonly reduceRange?: boolean
  readonly keep: readonly string[]
  readonly measure?: number
  readonly runLimit: number
  readonly json?: boolean
}

const examples = `
What is made:
            webgpu                          wasm                         cpu
  q8        MatMulNBits, 8 bits             int8 products of sequences,  int8 products
                                            else floats once loaded
  q4        MatMulNBits, 4 bits             4 bits, floats once loaded   MatMulNBits, 4 bits
  q4f16     MatMulNBits, computing in half
  fp16      computing in half               half, floats once loaded     half, floats once loaded
Convolutions are stored as int8 in q8 and q4; with --calibrate, q8 for wasm and cpu computes them in int8.
Written into a model's folder it joins the manifest as what its name says: model_q4.onnx for all backends,
model_q8-webgpu.onnx for one, model_quantized.onnx (int8 products) for wasm and cpu.

Examples:
  $ spillway quantize model.onnx --to q4 -o model.q4.onnx
  $ spillway quantize detector.onnx --to q8 --for cpu --calibrate photos.npy -o detector.q8.onnx
  $ spillway quantize model.onnx --to q8 --for wasm --keep '*/head/*' --measure 0.02 -o model.q8.onnx`

export const quantizeCommand = (io: Io): Command =>
  new Command('quantize')
    .description('a smaller model out of a float one, for the backend that it will run on')
    .argument('<file>', 'an ONNX model of floats')
    .addOption(new Option('--to <precision>', 'what to make').choices(precisions).makeOptionMandatory())
    .addOption(
      new Option('--for <backend>', `where it will run; ${defaultTarget} if not given`).choices(targets),
    )
    .addOption(requiredFile())
    .addOption(new Option('--calibrate <data>', `find the ranges of convolutions with ${samplesHelp}`))
    .addOption(
      new Option(
        '--percentile <percent>',
        'calibrate to the range of this share of values, such as 99.99, and not of all',
      ).argParser(percent),
    )
    .addOption(new Option('--asymmetric', 'zero points of their own for the blocks of MatMulNBits'))
    .addOption(new Option('--reduce-range', 'int8 of seven bits, for x86 processors without VNNI'))
    .addOption(
      new Option('--keep <layer...>', 'layers to leave in float, by name; * stands for anything').default(
        [],
        'none',
      ),
    )
    .addOption(
      new Option(
        '--measure <error>',
        'leave in float what it takes to keep the answers within this relative error',
      ).argParser(positiveNumber),
    )
    .addOption(
      new Option(
        '--samples <data>',
        `measure with ${samplesHelp}; those of --calibrate, or else made up from a seed, if not given`,
      ),
    )
    .addOption(shapeOption())
    .addOption(valueOption())
    .addOption(runLimitOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (file: string, options: Options, command: Command) => {
      if (options.percentile !== undefined && options.calibrate === undefined)
        command.error("error: option '--percentile <percent>' needs --calibrate")
      const { report, steps } = await run(io, file, options)
      io.out(
        options.json
          ? `${JSON.stringify(report, null, 2)}\n`
          : showQuantizeReport(report, steps, styleOf(io)),
      )
    })

async function run(io: Io, file: string, options: Options) {
  const { out, percentile, calibrate, measure, samples: given = calibrate } = options
  const opened = openModel(file)
  const calibrationSamples = calibrate === undefined ? [] : readSamples(opened.model, calibrate)
  const measured =
    measure === undefined
      ? undefined
      : chooseSamples(opened.model, { ...options, ...(given && { samples: given }) })
  const target = targetOf(options)
  const runLimitMs = 1000 * options.runLimit
  const { steps, bytes, error, leftOut, added } = await withProgress(io, 'Quantizing', (onProgress) =>
    quantizeFile(
      opened,
      out,
      target,
      {
        // A model may hang or crash on samples that were made up.
        runtime: measured && given === undefined ? separateRuntime(runLimitMs) : ortRuntime,
        calibrationSamples,
        calibration:
          percentile === undefined ? { method: 'minmax' } : { method: 'percentile', percent: percentile },
        onProgress,
        runLimitMs,
        onNote: (note) => io.err(`spillway: ${plain(note)}\n`),
      },
      measure === undefined || !measured ? undefined : { error: measure, samples: measured.samples },
    ),
  )
  const report: QuantizeReport = {
    file,
    out,
    target,
    isDefault: options.for === undefined,
    before: opened.bytes,
    after: bytes,
    layers: layersOf(steps),
    kept: keptOf(steps),
    ...(error === undefined || !measured
      ? {}
      : { error, samples: measured.samples.length, from: measured.from, leftOut }),
    ...added,
  }
  return { report, steps }
}

const targetOf = ({
  to,
  for: backend = defaultTarget,
  asymmetric = false,
  reduceRange = false,
  keep,
}: Options): Target => ({
  precision: to,
  backend,
  asymmetric,
  reduceRange,
  keep,
  weightOnly: [],
})

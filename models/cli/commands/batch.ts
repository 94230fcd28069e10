import { Command } from 'commander'
import { batchFile } from '../../tools/batch/batch-file.ts'
import { fixedBatch } from '../../tools/batch/free-batch.ts'
import { openModel } from '../../tools/onnx/files.ts'
import { ortRuntime } from '../../tools/run-model/ort.ts'
import { type Io, styleOf } from '../io.ts'
import { jsonOption, requiredFile, shapeOption, valueOption } from '../options.ts'
import { type BatchReport, showBatchReport } from '../output/batch.ts'
import { withProgress } from '../progress.ts'
import { chooseSamples, type SampleOptions, samplesOption } from '../samples.ts'

interface Options extends SampleOptions {
  readonly out: string
  readonly json?: boolean
}

const examples = `
Examples:
  $ spillway batch detector.onnx -o detector.batch.onnx
  $ spillway batch detector.onnx --samples photos.npy -o detector.batch.onnx

Quantize afterwards: layers that round by the range of their whole input make rows depend on each other.`

export const batchCommand = (io: Io): Command =>
  new Command('batch')
    .description('a model whose fixed batch varies, proven by running rows alone and together')
    .argument('<file>', 'an ONNX model with a fixed first dimension')
    .addOption(requiredFile())
    .addOption(samplesOption())
    .addOption(shapeOption())
    .addOption(valueOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (file: string, options: Options) => {
      const report = await batch(io, file, options)
      io.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : showBatchReport(report, styleOf(io)))
    })

async function batch(io: Io, file: string, options: Options): Promise<BatchReport> {
  const { out } = options
  const opened = openModel(file)
  // Before samples are asked for, which the model may not need.
  fixedBatch(opened.model)
  const { samples, from } = chooseSamples(opened.model, options)
  const batched = await withProgress(io, 'Running rows alone and together', (update) =>
    batchFile(ortRuntime, opened, out, samples, update),
  )
  return { file, out, ...batched, from }
}

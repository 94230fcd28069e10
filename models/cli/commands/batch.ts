import { Command } from 'commander'
import { freeBatch } from '../../tools/batch/free-batch.ts'
import { proveBatch } from '../../tools/batch/prove-batch.ts'
import { openModel } from '../../tools/onnx/files.ts'
import { saveModel } from '../../tools/onnx/save.ts'
import { ortRuntime } from '../../tools/run/ort.ts'
import { type Io, styleOf } from '../io.ts'
import { jsonOption, requiredFile } from '../options.ts'
import { type BatchReport, showBatchReport } from '../output/batch.ts'
import { startProgress } from '../progress.ts'
import { chooseSamples, samplesOption } from '../samples.ts'

interface Options {
  readonly out: string
  readonly samples?: string
  readonly json?: boolean
}

/** Rows that run together to prove it. */
const company = 8

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
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (file: string, options: Options) => {
      const report = await batch(io, file, options)
      io.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : showBatchReport(report, styleOf(io)))
    })

async function batch(io: Io, file: string, { out, samples: path }: Options): Promise<BatchReport> {
  const { model } = openModel(file)
  const { model: freed, batch, repaired } = freeBatch(model)
  const { samples, from } = chooseSamples(model, path, new Map())
  const runs = samples.slice(0, Math.max(2, Math.ceil(company / batch)))
  const progress = startProgress(io, 'Running rows alone and together')
  try {
    const proof = await proveBatch(ortRuntime, file, freed, runs, progress.update)
    saveModel(freed, out)
    return { file, out, batch, repaired, ...proof, from }
  } finally {
    progress.stop()
  }
}

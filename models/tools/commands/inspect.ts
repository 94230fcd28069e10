import { Command } from 'commander'
import { openModel } from '../cli/files.ts'
import type { Io } from '../cli/io.ts'
import { jsonOption, shapeOption } from '../cli/options.ts'
import { styleOf } from '../cli/style.ts'
import type { InputShapes } from '../infer/infer.ts'
import { inspect } from '../inspect/report.ts'
import { showReport } from '../inspect/show.ts'

const examples = `
Examples:
  $ spillway inspect model.onnx
  $ spillway inspect decoder.onnx --shape input_ids=1,128
  $ spillway inspect model.onnx --json | jq .operators`

export const inspectCommand = (io: Io): Command =>
  new Command('inspect')
    .description('what a model takes and gives, what it weighs, and where its operators will run')
    .argument('<file>', 'an ONNX model')
    .addOption(shapeOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((file: string, options: { shape: InputShapes; json?: boolean }) => {
      const { model, bytes } = openModel(file)
      const report = inspect(model, file, bytes, options.shape)
      io.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : showReport(report, styleOf(io)))
    })

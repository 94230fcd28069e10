import { Command } from 'commander'
import { inspect } from '../../tools/inspect/report.ts'
import { openModel } from '../../tools/onnx/files.ts'
import type { InputShapes } from '../../tools/shape-inference/infer-shapes.ts'
import { type Io, styleOf } from '../io.ts'
import { jsonOption, shapeOption } from '../options.ts'
import { showInspectReport } from '../output/inspect.ts'

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
      io.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : showInspectReport(report, styleOf(io)))
    })

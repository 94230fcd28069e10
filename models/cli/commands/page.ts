import { Command } from 'commander'
import { openModel } from '../../tools/onnx/files.ts'
import { pageFile } from '../../tools/page/page-file.ts'
import { type Io, plain, styleOf } from '../io.ts'
import { jsonOption, requiredFile } from '../options.ts'
import { type PageReport, showPageReport } from '../output/page.ts'
import { withProgress } from '../progress.ts'

interface Options {
  readonly out: string
  readonly json?: boolean
}

const examples = `
Texts share the blocks of a common beginning, and prompts and steps of any length run together. A block is taken when
a text grows into it. Only WebGPU with 16-bit floats runs such a graph.

What is read: a decoder as the hub has it, with GroupQueryAttention in float16, such as onnx/model_q4f16.onnx.
Written into a model's folder as its name with -paged, it joins the manifest behind the variant that it was made of.

Example:
  $ spillway page onnx/model_q4f16.onnx -o onnx/model_q4f16-paged.onnx`

export const pageCommand = (io: Io): Command =>
  new Command('page')
    .description('a language model that keeps keys and values in blocks, for WebGPU')
    .argument('<file>', 'an ONNX decoder with GroupQueryAttention in float16')
    .addOption(requiredFile())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (file: string, options: Options) => {
      const report = await page(io, file, options)
      io.out(options.json ? `${JSON.stringify(report, null, 2)}\n` : showPageReport(report, styleOf(io)))
    })

async function page(io: Io, file: string, { out }: Options): Promise<PageReport> {
  const { added, ...paged } = await withProgress(io, 'Paging', (onWritten) =>
    pageFile(openModel(file), out, {
      onWritten,
      onNote: (note) => io.err(`spillway: ${plain(note)}\n`),
    }),
  )
  return { file, out, ...paged, ...added }
}

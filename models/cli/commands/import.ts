import { Command, InvalidArgumentError, Option } from 'commander'
import type { Manifest } from '../../core/manifest.ts'
import { importPrecisions, parseVariant, type VariantTarget } from '../../tools/import/build-variant.ts'
import { defaultMaxContext, importCheckpoint } from '../../tools/import/import.ts'
import { type Io, styleOf } from '../io.ts'
import { jsonOption, positiveInteger, requiredFolder } from '../options.ts'
import { showImportReport } from '../output/import.ts'
import { withProgress } from '../progress.ts'

const variantsHelp = `${importPrecisions.join(', ')}; with -wasm or -cpu behind it what is best there, as in q4-wasm; with -paged behind fp16 or q4f16 one that keeps keys and values in blocks`

interface Options {
  readonly to?: readonly VariantTarget[]
  readonly tokenizer?: string
  readonly topK?: number
  readonly context?: number
  readonly id?: string
  readonly title?: string
  readonly out: string
  readonly json?: boolean
}

const examples = `
What is read:
  llama2.c      a checkpoint of float32, with its tokenizer.bin as --tokenizer
  Hugging Face  a folder with config.json, tokenizer.json and safetensors: Llama, SmolLM, Mistral, Qwen2, Qwen3

Examples:
  $ spillway import stories15M.bin --tokenizer tokenizer.bin -o models/stories15m
  $ spillway import ./SmolLM2-135M-Instruct --to q4f16 q4 q4-wasm -o models/smollm2
  $ spillway import ./SmolLM2-135M-Instruct --to q4f16 q4f16-paged q4 -o models/smollm2
  $ spillway import ./Qwen3-0.6B --to q4f16 q4 --top-k 64 --context 4096 -o models/qwen3`

export const importCommand = (io: Io): Command =>
  new Command('import')
    .description(
      "a model's folder out of a language model's checkpoint, for SPILLWAY_MODELS to name as it is",
    )
    .argument('<checkpoint>', "a file of llama2.c's, or a folder as the hub has it")
    .addOption(
      new Option('--to <variant...>', `what to make, the best first: ${variantsHelp}`)
        .argParser(addVariant)
        .default(undefined, 'fp32'),
    )
    .addOption(new Option('--tokenizer <file>', 'the tokenizer of a llama2.c checkpoint'))
    .addOption(
      new Option(
        '--top-k <count>',
        'choose so many of the likeliest tokens in the graph: a step reads these back, and not the vocabulary',
      ).argParser(positiveInteger),
    )
    .addOption(
      new Option(
        '--context <tokens>',
        `the longest sequence; the model's own if not given, and at most ${defaultMaxContext}`,
      ).argParser(positiveInteger),
    )
    .addOption(new Option('--id <id>', "the model's id; the folder's name if not given"))
    .addOption(new Option('--title <title>', 'what people call it'))
    .addOption(requiredFolder())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (path: string, options: Options) => {
      const manifest = await run(io, path, options)
      io.out(
        options.json
          ? `${JSON.stringify(manifest, null, 2)}\n`
          : showImportReport(manifest, options.out, styleOf(io)),
      )
    })

const run = (io: Io, path: string, { to: variants, out, ...options }: Options): Promise<Manifest> =>
  withProgress(io, 'Importing', (onWritten) =>
    importCheckpoint(path, out, { ...options, variants, onWritten }),
  )

function addVariant(text: string, before: readonly VariantTarget[] = []): readonly VariantTarget[] {
  const variant = parseVariant(text)
  if (!variant) throw new InvalidArgumentError(`The variants are ${variantsHelp}.`)
  return [...before.filter(({ id }) => id !== variant.id), variant]
}

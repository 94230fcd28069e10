import { basename, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Manifest } from '../../core/manifest.ts'
import { adaptModel, type NamedPath } from '../../tools/adapt/adapt.ts'
import { type Io, styleOf } from '../io.ts'
import { jsonOption, requiredFolder } from '../options.ts'
import { showAdaptReport } from '../output/adapt.ts'
import { withProgress } from '../progress.ts'

interface Options {
  readonly adapter: readonly NamedPath[]
  readonly id?: string
  readonly title?: string
  readonly out: string
  readonly json?: boolean
}

const examples = `
An adapter is a folder as PEFT saves it, with adapter_config.json and adapter_model.safetensors, or a file in
onnxruntime's format, as Olive's convert-adapters writes it.

Examples:
  $ spillway adapt models/smollm2 --adapter poems=./poems-lora -o models/smollm2-adapted
  $ spillway adapt models/qwen3 --adapter ./sql --adapter support=./desk.onnx_adapter -o models/qwen3-desk`

export const adaptCommand = (io: Io): Command =>
  new Command('adapt')
    .description('a language model with LoRA adapters in its graphs: texts of different adapters share steps')
    .argument('<folder>', 'the folder of a language model, with its manifest')
    .addOption(
      new Option(
        '--adapter <name=path>',
        "an adapter, and the name by which requests ask for it; the path's last part if not given; may be repeated",
      )
        .argParser(addAdapter)
        .makeOptionMandatory(),
    )
    .addOption(new Option('--id <id>', "the model's id; the folder's name if not given"))
    .addOption(new Option('--title <title>', 'what people call it'))
    .addOption(requiredFolder())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (folder: string, options: Options) => {
      const manifest = await run(io, folder, options)
      io.out(
        options.json
          ? `${JSON.stringify(manifest, null, 2)}\n`
          : showAdaptReport(manifest, options.out, styleOf(io)),
      )
    })

const run = (io: Io, folder: string, { adapter, out, id, title }: Options): Promise<Manifest> =>
  withProgress(io, 'Adapting', (onWritten) => adaptModel(folder, adapter, out, { id, title, onWritten }))

function addAdapter(text: string, before: readonly NamedPath[] = []): readonly NamedPath[] {
  const [, given, path = ''] = /^(?:([^=/\\]+)=)?(.+)$/.exec(text) ?? []
  if (path === '') throw new InvalidArgumentError('Write it as name=path.')
  const name = given ?? basename(resolve(path), '.onnx_adapter')
  if (before.some((one) => one.name === name))
    throw new InvalidArgumentError(`Two adapters are named ${name}.`)
  return [...before, { name, path }]
}

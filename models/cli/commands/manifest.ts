import { join } from 'node:path'
import { Command, Option } from 'commander'
import type { Manifest } from '../../core/manifest.ts'
import { isAboveModels, makeCatalogue, writeCatalogue } from '../../tools/manifest/catalogue.ts'
import { countRead } from '../../tools/manifest/local-folder.ts'
import { makeManifest, writeManifest } from '../../tools/manifest/write.ts'
import { type Io, plain, styleOf } from '../io.ts'
import { jsonOption } from '../options.ts'
import { showManifest } from '../output/manifest.ts'
import { withProgress } from '../progress.ts'

interface Options {
  readonly out?: string
  readonly id?: string
  readonly title?: string
  readonly license?: string
  readonly json?: boolean
}

const examples = `
What is read:
  ONNX files       inputs, outputs, the batch axis, memory, a cache of keys and values
  their names      variants: onnx/model_q4f16.onnx, model.q8.onnx or q8/model.onnx; without a suffix, fp32
  config.json      and what else the Hugging Face hub has beside a model: the task, labels, tokenizer, sampling
  manifest.json    all that people wrote into it is kept

Of a folder above several models it writes catalogue.json, for hosts that serve files and nothing else.

Examples:
  $ spillway manifest models/mnist --title "Handwritten digits" --license MIT
  $ spillway manifest models/minilm -o minilm.json
  $ spillway manifest models/minilm --json | jq .variants
  $ spillway manifest models`

export const manifestCommand = (io: Io): Command =>
  new Command('manifest')
    .description("a model folder's manifest, written or brought up to date from the ONNX files in it")
    .argument('<folder>', 'a folder with one model, in one or more variants; or one above several')
    .addOption(
      new Option('-o, --out <file>', 'the file to write').default(
        undefined,
        'manifest.json in the folder, or catalogue.json',
      ),
    )
    .addOption(new Option('--id <id>', "what a new manifest calls it; the folder's name if not given"))
    .addOption(new Option('--title <title>', 'what people call it'))
    .addOption(new Option('--license <license>', 'its licence, such as MIT'))
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (folder: string, options: Options) => {
      if (isAboveModels(folder)) return listModels(io, folder, options)
      const out = options.out ?? join(folder, 'manifest.json')
      const manifest = await run(io, folder, options)
      writeManifest(out, manifest)
      io.out(
        options.json ? `${JSON.stringify(manifest, null, 2)}\n` : showManifest(manifest, out, styleOf(io)),
      )
    })

function listModels(io: Io, folder: string, { out = join(folder, 'catalogue.json'), json }: Options): void {
  const catalogue = makeCatalogue(folder)
  writeCatalogue(out, catalogue)
  const names = catalogue.models.map(({ id }) => id).join(', ')
  io.out(json ? `${JSON.stringify(catalogue, null, 2)}\n` : `${plain(out)} lists ${plain(names)}\n`)
}

const run = (io: Io, folder: string, { id, title, license }: Options): Promise<Manifest> =>
  withProgress(io, 'Reading', (update) =>
    makeManifest(folder, {
      about: {
        ...(id === undefined ? {} : { id }),
        ...(title === undefined ? {} : { title }),
        ...(license === undefined ? {} : { license }),
      },
      onRead: countRead(folder, update),
      onNote: (note) => io.err(`spillway: ${plain(note)}\n`),
    }),
  )

import { statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Command, Option } from 'commander'
import { messageOf, SpillwayError } from '../../core/error.ts'
import type { Manifest } from '../../core/manifest.ts'
import {
  foldersWithoutManifest,
  isAboveModels,
  makeCatalogue,
  writeCatalogue,
} from '../../tools/manifest/catalogue.ts'
import { folderOfGraph, foldersOfParts } from '../../tools/manifest/graph-folders.ts'
import { countRead } from '../../tools/manifest/local-folder.ts'
import { makeManifest, writeManifest } from '../../tools/manifest/write.ts'
import type { InputValues } from '../../tools/run-model/constant-inputs.ts'
import { CheckFailed, type Io, plain, styleOf } from '../io.ts'
import { jsonOption, runLimitOption, valueOption } from '../options.ts'
import { showManifest } from '../output/manifest.ts'
import { withProgress } from '../progress.ts'

interface Options {
  readonly out?: string
  readonly id?: string
  readonly title?: string
  readonly license?: string
  readonly value: InputValues
  readonly runLimit: number
  readonly json?: boolean
}

const examples = `
What is read:
  ONNX files       inputs, outputs, the batch axis, memory, a cache of keys and values
  their names      variants: onnx/model_q4f16.onnx, model.q8.onnx or q8/model.onnx; without a suffix the graph tells
  config.json      and what else the Hugging Face hub has beside a model: the task, labels, tokenizer, sampling
  manifest.json    all that people wrote into it is kept

A file gets a folder of its name beside it, and a model of several graphs a folder for each, with the files linked; run it
again after a change. Of a folder above several models it writes catalogue.json, for hosts that serve files and nothing else.

Examples:
  $ spillway manifest models/mnist --title "Handwritten digits" --license MIT
  $ spillway manifest best.onnx
  $ spillway manifest models/vad --value sr=16000
  $ spillway manifest models/minilm -o minilm.json
  $ spillway manifest models/minilm --json | jq .variants
  $ spillway manifest models`

export const manifestCommand = (io: Io): Command =>
  new Command('manifest')
    .description("a model folder's manifest, written or brought up to date from the ONNX files in it")
    .argument(
      '<folder>',
      'a folder with one model, in one or more variants; or one above several; or an ONNX file',
    )
    .addOption(
      new Option('-o, --out <file>', 'the file to write').default(
        undefined,
        'manifest.json in the folder, or catalogue.json',
      ),
    )
    .addOption(new Option('--id <id>', "what a new manifest calls it; the folder's name if not given"))
    .addOption(new Option('--title <title>', 'what people call it'))
    .addOption(new Option('--license <license>', 'its licence, such as MIT'))
    .addOption(valueOption())
    .addOption(runLimitOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (path: string, options: Options) => {
      const isFile = statSync(path, { throwIfNoEntry: false })?.isFile()
      const folder = isFile ? folderOfGraph(path) : path
      const parts = foldersOfParts(folder)
      if (parts) return describeParts(io, folder, parts, options)
      if (isAboveModels(folder)) return listModels(io, folder, options)
      await describeFolder(io, folder, options)
    })

async function describeFolder(io: Io, folder: string, options: Options): Promise<void> {
  const out = options.out ?? join(folder, 'manifest.json')
  const manifest = await run(io, folder, options)
  writeManifest(out, manifest)
  io.out(options.json ? `${JSON.stringify(manifest, null, 2)}\n` : showManifest(manifest, out, styleOf(io)))
}

/** Parts that cannot be described are left out, and make the command end with 1. */
async function describeParts(
  io: Io,
  root: string,
  parts: readonly string[],
  options: Options,
): Promise<void> {
  if (options.id !== undefined || options.title !== undefined) {
    throw new SpillwayError('input_value_invalid', `${root} holds several graphs, each of which is a model`, {
      expected: 'no --id and no --title: each is named by its file',
      got: parts.map((folder) => basename(folder)).join(', '),
    })
  }
  const failed: string[] = []
  for (const folder of parts) {
    try {
      writeManifest(join(folder, 'manifest.json'), await run(io, folder, options))
    } catch (cause) {
      failed.push(folder)
      io.err(`spillway: ${plain(basename(folder))} is left out: ${plain(messageOf(cause))}\n`)
    }
  }
  if (failed.length < parts.length) listModels(io, root, options)
  if (failed.length > 0) throw new CheckFailed()
}

function listModels(io: Io, folder: string, { out = join(folder, 'catalogue.json'), json }: Options): void {
  const catalogue = makeCatalogue(folder)
  writeCatalogue(out, catalogue)
  const names = catalogue.models.map(({ id }) => id).join(', ')
  io.out(json ? `${JSON.stringify(catalogue, null, 2)}\n` : `${plain(out)} lists ${plain(names)}\n`)
  for (const name of foldersWithoutManifest(folder)) {
    const command = `spillway manifest ${join(folder, name)}`
    io.err(`spillway: ${plain(`${name} is left out: it has no manifest.json. Write it with "${command}"`)}\n`)
  }
}

const run = (io: Io, folder: string, { id, title, license, value, runLimit }: Options): Promise<Manifest> =>
  withProgress(io, 'Reading', (update) =>
    makeManifest(folder, {
      about: {
        ...(id === undefined ? {} : { id }),
        ...(title === undefined ? {} : { title }),
        ...(license === undefined ? {} : { license }),
      },
      values: value,
      runLimitMs: runLimit * 1000,
      onRead: countRead(folder, update),
      onNote: (note) => io.err(`spillway: ${plain(note)}\n`),
    }),
  )

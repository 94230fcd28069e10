import { Command, Option } from 'commander'
import { type Pulled, pull } from '../../tools/pull/pull.ts'
import { type Io, plain, styleOf } from '../io.ts'
import { jsonOption, requiredFolder, runLimitOption } from '../options.ts'
import { showManifest } from '../output/manifest.ts'
import { showBytes } from '../output/units.ts'
import { withProgress } from '../progress.ts'

interface Options {
  readonly out: string
  readonly variant?: readonly string[]
  readonly to?: readonly string[]
  readonly id?: string
  readonly runLimit: number
  readonly json?: boolean
}

const examples = `
Sources:
  hf:owner/name[@revision]   a repository on the Hugging Face hub with ONNX files; HF_TOKEN lets private ones be read,
                             HF_ENDPOINT names a mirror
  https://…/manifest.json    a model of another site
  https://…/model.onnx       an ONNX file, with its external data beside it

What is there already is not fetched again, and what broke off goes on. Without --variant and --to it is the best
variant for each backend.

Examples:
  $ spillway pull hf:Xenova/all-MiniLM-L6-v2 -o models/minilm
  $ spillway pull hf:HuggingFaceTB/SmolLM2-135M-Instruct --to q4f16 q8 -o models/smollm2
  $ spillway pull https://ai.example.com/models/digits/manifest.json --variant all -o models/digits`

export const pullCommand = (io: Io): Command =>
  new Command('pull')
    .description(
      'fetches a model into a folder that SPILLWAY_MODELS can name, its manifest made from its graphs',
    )
    .argument('<source>', 'hf:owner/name, or the address of a manifest or an ONNX file')
    .addOption(new Option('--variant <id...>', 'the variants to fetch, by name; all for all of them'))
    .addOption(new Option('--to <precision...>', 'the variants to fetch, by precision, such as q4f16 or q8'))
    .addOption(
      new Option(
        '--id <id>',
        'what the model is called; owner--name, or what its manifest or file says, if not given',
      ),
    )
    .addOption(requiredFolder())
    .addOption(runLimitOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (source: string, options: Options) => {
      const pulled = await run(io, source, options)
      const style = styleOf(io)
      io.out(
        options.json
          ? `${JSON.stringify(pulled, null, 2)}\n`
          : `${plain(pulled.from)}: ${showBytes(pulled.bytes)}\n\n${showManifest(pulled.manifest, options.out, style)}`,
      )
    })

function run(io: Io, source: string, { out, variant, to, id, runLimit }: Options): Promise<Pulled> {
  const { HF_TOKEN: token, HF_ENDPOINT: endpoint } = process.env
  return withProgress(io, 'Fetching', (onProgress) =>
    pull(source, out, {
      variant,
      to,
      id,
      // An empty variable counts as unset.
      hub: { token: token || undefined, endpoint: endpoint || undefined },
      onProgress,
      runLimitMs: runLimit * 1000,
      onNote: (note) => io.err(`spillway: ${plain(note)}\n`),
    }),
  )
}

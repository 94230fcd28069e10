import { delimiter, resolve } from 'node:path'
import { Command } from 'commander'
import { port } from '../options.ts'
import { startServer } from '../start-server.ts'

const examples = `
Settings come from the environment and from spillway.config.json, as the server's guide lists them; options here come
first. Models that run here need the package onnxruntime-node.

Examples:
  $ spillway serve models
  $ spillway serve models more-models --port 9000
  $ SPILLWAY_KEYS=keys.json spillway serve models --host 0.0.0.0`

interface Options {
  readonly port?: number
  readonly host?: string
}

export const serveCommand = (): Command =>
  new Command('serve')
    .description('starts the server, which answers requests for models and serves their files')
    .argument('[folders...]', 'folders of models with manifests, beside the built-in ones')
    .option('--port <port>', 'the port to listen on; 0 takes a free one', port)
    .option('--host <host>', 'the address to listen on')
    .addHelpText('after', examples)
    .action((folders: readonly string[], options: Options) =>
      startServer({
        ...(folders.length > 0 && {
          SPILLWAY_MODELS: folders.map((folder) => resolve(folder)).join(delimiter),
        }),
        ...(options.port !== undefined && { PORT: String(options.port) }),
        ...(options.host !== undefined && { HOST: options.host }),
      }),
    )

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import OpenAI from 'openai'
import { pino } from 'pino'
import { type Clock, systemClock } from '../../models/async/clock.ts'
import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import { createApp } from '../../server/app.ts'
import { ModelCatalogue } from '../../server/inference/catalogue.ts'
import type { TextService } from '../../server/inference/text-service.ts'
import { createMetrics } from '../../server/observability/metrics.ts'
import { createTextGenerator } from '../../workers/host/text/text-generator.ts'
import { readPrompt } from '../../workers/host/text/tokenizer/prompt.ts'
import type { OutputForm, TextGenerator, TokenGenerator } from '../../workers/host/text/types.ts'
import type { GeneratedToken, TokenRequest } from '../../workers/protocol/generation.ts'
import { createCpuInference } from './cpu-inference.ts'
import { createTestOffload } from './offload.ts'
import { type Script, scriptedContext, scriptedGenerator, scriptedVocabulary } from './scripted-generator.ts'
import { tokenizerOf } from './scripted-tokenizer.ts'
import { digitsManifest } from './test-models.ts'

export const scriptedManifest: Manifest = {
  ...digitsManifest,
  id: 'scripted',
  task: 'text-generation',
  generation: {
    context: scriptedContext,
    vocabulary: scriptedVocabulary,
    stopTokens: [0],
    kv: { layers: 1, heads: 1, headDim: 1 },
  },
}

/** A chat whose prompt has nine tokens: "user: ab\\n". The scripted model continues its text from the tenth character. */
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'ab' }]
export const chat = { model: 'scripted', messages }
export const script = 'abcdefghijklmnop'

/** Adds log probabilities where they are requested: -0.5 for each token, and -2 for `?`, the second likeliest. */
function withLogprobs(generator: TokenGenerator): TokenGenerator {
  const addLogprobs = (request: TokenRequest, token: GeneratedToken): GeneratedToken => ({
    ...token,
    logprob: -0.5,
    top: [
      { token: token.token, logprob: -0.5 },
      { token: 63, logprob: -2 },
    ].slice(0, request.sampling.logprobs),
  })
  return {
    executedOn: generator.executedOn,
    get load() {
      return generator.load
    },
    generate: (request, options) => {
      const stream = generator.generate(request, options)
      if (request.sampling.logprobs === undefined) return stream
      return {
        result: stream.result,
        async *[Symbol.asyncIterator]() {
          for await (const tokens of stream) yield tokens.map((token) => addLogprobs(request, token))
        },
      }
    },
  }
}

const closers: (() => void)[] = []

/** Closes all apps and sockets that a test has opened. */
export function closeScriptedServers(): void {
  for (const close of closers.splice(0)) close()
}

export interface ScriptedServerOptions extends Partial<Script> {
  /** How the model marks its thoughts. */
  readonly output?: OutputForm
  /** The variables that its chat template reads. */
  readonly variables?: readonly string[]
  readonly embed?: TextService['embed']
  /** The error of a request for the generator, if any. */
  readonly refuse?: () => SpillwayError | undefined
  /** Holds all pieces back until it resolves. */
  readonly release?: Promise<void> | undefined
  /** Makes each piece so long, and counts the pieces that were read. */
  readonly inflate?: { readonly length: number; taken: number } | undefined
}

/** Applies `inflate` and `release` to the pieces of a generator. */
function withPieceControl(
  generator: TextGenerator,
  { inflate = { length: 1, taken: 0 }, release }: Pick<ScriptedServerOptions, 'inflate' | 'release'>,
): TextGenerator {
  return {
    ...generator,
    generate: (request, options) => {
      const stream = generator.generate(request, options)
      return {
        result: stream.result,
        get generatedTokens() {
          return stream.generatedTokens
        },
        async *[Symbol.asyncIterator]() {
          await release
          for await (const piece of stream) {
            inflate.taken++
            yield { ...piece, text: piece.text.repeat(inflate.length) }
          }
        },
      }
    },
  }
}

/** The server's app with a scripted language model, without a socket. */
export function createScriptedApp(
  {
    text = 'abcdefghij',
    output,
    variables,
    embed,
    refuse,
    inflate,
    release,
    ...script
  }: ScriptedServerOptions = {},
  clock: Clock = systemClock,
) {
  const tokens = withLogprobs(scriptedGenerator({ text, ...script }))
  const generator = createTextGenerator({
    tokenizer: tokenizerOf(output, variables),
    tokens,
    vocabulary: 0x80,
    contextLength: scriptedContext,
    defaults: {},
    clock: systemClock,
  })
  const noEmbeddings = () =>
    Promise.reject(new SpillwayError('not_supported', 'This model makes no embeddings'))
  const textService: TextService = {
    generator: async () => {
      const refusal = refuse?.()
      if (refusal) throw refusal
      return withPieceControl(generator, { inflate, release })
    },
    prepare: async () => {},
    embed: embed ?? noEmbeddings,
    readPrompts: async (_entry, prompts, templateArguments) =>
      prompts.map((prompt) => readPrompt(prompt, generator.tokenizer, scriptedContext, templateArguments)),
  }
  const catalogue = new ModelCatalogue([
    { manifest: scriptedManifest, folder: '' },
    { manifest: digitsManifest, folder: '' },
  ])
  const inference = createCpuInference({ queue: { requests: 1 } })
  closers.push(() => inference.close())
  const offload = createTestOffload()
  closers.push(() => offload.close())
  const metrics = createMetrics(systemClock, catalogue, inference)
  const app = createApp({
    catalogue,
    inference,
    offload,
    textService,
    metrics,
    clock,
    site: '.',
    version: 'test',
    maxBodyBytes: 100_000,
    log: pino({ level: 'silent' }),
  })
  return { app, tokens }
}

/** The same app behind a socket, with OpenAI's own client. `caller()` gives the bindings of the last request. */
export async function listen(options: ScriptedServerOptions = {}) {
  const { app, tokens } = createScriptedApp(options)
  let caller: unknown
  const fetch: typeof app.fetch = (request, bindings, context) => {
    caller = bindings
    return app.fetch(request, bindings, context)
  }
  const server: ServerType = serve({ fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  closers.push(() => {
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 2 })
  return { client, port, tokens, caller: () => caller }
}

import { type Context, Hono } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import { chatRequest, completionRequest, embeddingRequest } from '../../../models/protocols/openai.ts'
import type { TextGenerator } from '../../../workers/host/text/types.ts'
import { disconnectSignal } from '../../http/disconnect-signal.ts'
import type { Log, Variables } from '../../http/request-log.ts'
import { type Catalogue, findModel } from '../../inference/catalogue.ts'
import type { TextService } from '../../inference/text-service.ts'
import type { Metrics } from '../../metrics.ts'
import { type ApiShape, chatShape, completionShape } from './api-shape.ts'
import { startChoices } from './choices.ts'
import { embeddingsAnswer } from './embeddings-answer.ts'
import { answerOpenAiError } from './errors.ts'
import { invalidParameter } from './invalid-parameter.ts'
import { sendJson } from './json-completion.ts'
import { checkPrompt, type PromptBounds } from './prompt-bounds.ts'
import { promptsOf, readRequest, type TokensRequest, toTextRequest, toTextRequests } from './read-request.ts'
import { sendStream } from './stream-completion.ts'

export interface OpenAiOptions {
  readonly catalogue: Catalogue
  readonly textService: TextService
  readonly metrics: Metrics
  readonly maxBodyBytes: number
  readonly maxRequestMs: number
  readonly clock: Clock
  readonly log: Log
}

type Env = { Variables: Variables }

/** The fields that chats and completions share and that decide how the answer is sent. */
interface AnswerOptions {
  readonly model: string
  readonly n?: number | null | undefined
  readonly stream?: boolean | null | undefined
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined
}

/** The most texts that one request may ask for: they are in memory together. */
const maxChoices = 128

/** The OpenAI API over this server's language and embedding models. */
export function openAiRoutes(options: OpenAiOptions) {
  const { catalogue, textService, metrics, maxBodyBytes, maxRequestMs, clock, log } = options
  const startedAt = Math.floor(Date.now() / 1000)
  const models = () =>
    [...catalogue.values()].filter(({ manifest }) => manifest.generation || manifest.embedding)
  const describe = (id: string) => ({ id, object: 'model', created: startedAt, owned_by: 'spillway' })

  const generatorOf = async (model: string): Promise<TextGenerator> => {
    const generator = await textService.generator(findModel(catalogue, model))
    metrics.watchLoad(model, () => generator.load)
    return generator
  }

  /** What the model can read; a model that is not for text fails by itself. */
  const boundsOf = (model: string): PromptBounds => {
    const { generation, embedding } = findModel(catalogue, model).manifest
    return generation ?? { context: embedding?.context ?? 0 }
  }

  const complete = (
    c: Context<Env>,
    options: AnswerOptions,
    generator: TextGenerator,
    requests: readonly TokensRequest[],
    shape: ApiShape,
  ): Promise<Response> => {
    const n = options.n ?? 1
    if (requests.length * n > maxChoices)
      throw invalidParameter('n', `at most ${maxChoices} texts for all prompts together`)
    const cancelled = new AbortController()
    const disconnected = disconnectSignal(c)
    const cancel = () => {
      // The connection outlives this request: a listener left on it would be a leak.
      disconnected.removeEventListener('abort', cancel)
      cancelled.abort()
    }
    disconnected.addEventListener('abort', cancel)
    if (disconnected.aborted) cancel()
    const { model } = options
    const choices = startChoices(generator, requests, n, cancelled.signal, maxRequestMs)
    const completion = { model, generator, choices, shape, metrics: metrics.forRequest(model), clock }
    if (!options.stream) return sendJson(c, completion).finally(cancel)
    const includeUsage = options.stream_options?.include_usage === true
    return sendStream(c, completion, { includeUsage, cancel })
  }

  return new Hono<Env>()
    .onError(answerOpenAiError(log))
    .get('/models', (c) =>
      c.json({ object: 'list', data: models().map(({ manifest }) => describe(manifest.id)) }),
    )
    .get('/models/:id', (c) => c.json(describe(findModel(catalogue, c.req.param('id')).manifest.id)))
    .post('/chat/completions', async (c) => {
      const request = await readRequest(c, maxBodyBytes, 'chat', chatRequest)
      const generator = await generatorOf(request.model)
      const { tokenizer } = generator
      const shape = chatShape(request, { tokenizer, byId: request.return_tokens_as_token_ids === true })
      return complete(
        c,
        request,
        generator,
        [toTextRequest(request, tokenizer, boundsOf(request.model))],
        shape,
      )
    })
    .post('/completions', async (c) => {
      const request = await readRequest(c, maxBodyBytes, 'completion', completionRequest)
      const generator = await generatorOf(request.model)
      const { tokenizer } = generator
      const shape = completionShape(request, { tokenizer, byId: request.return_tokens_as_token_ids === true })
      return complete(
        c,
        request,
        generator,
        toTextRequests(request, tokenizer, boundsOf(request.model)),
        shape,
      )
    })
    .post('/embeddings', async (c) => {
      const request = await readRequest(c, maxBodyBytes, 'embedding', embeddingRequest)
      const texts = promptsOf(request.input)
      if (texts.length === 0) throw invalidParameter('input', 'at least one text')
      const entry = findModel(catalogue, request.model)
      if (entry.manifest.embedding)
        for (const text of texts) checkPrompt('input', text, boundsOf(request.model))
      return c.json(
        embeddingsAnswer(request, await textService.embed(entry, texts, { signal: disconnectSignal(c) })),
      )
    })
}

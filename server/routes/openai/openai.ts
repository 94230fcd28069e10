import { type Context, Hono } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import { chatRequest, completionRequest, embeddingRequest } from '../../../models/protocols/openai.ts'
import type { TextGenerator } from '../../../workers/host/text/types.ts'
import { disconnectSignal } from '../../http/disconnect-signal.ts'
import type { Log, Variables } from '../../http/log.ts'
import { type Catalogue, findModel } from '../../inference/catalogue.ts'
import type { TextService } from '../../inference/text-service.ts'
import type { Metrics } from '../../metrics.ts'
import { type ApiShape, chatForm, completionForm } from './api-shape.ts'
import { startChoices } from './choices.ts'
import { answerStream, answerWhole } from './complete.ts'
import { embeddingsAnswer } from './embeddings.ts'
import { answerOpenAiError } from './errors.ts'
import {
  chatRequestOf,
  completionRequestsOf,
  promptsOf,
  readRequest,
  type TokensRequest,
  wrongParameter,
} from './read.ts'

export interface OpenAiOptions {
  readonly catalogue: Catalogue
  readonly textService: TextService
  readonly metrics: Metrics
  readonly maxBodyBytes: number
  readonly clock: Clock
  readonly log: Log
}

type Env = { Variables: Variables }

/** What of a request says how it is answered, besides its texts. */
interface Terms {
  readonly model: string
  readonly n?: number | null | undefined
  readonly stream?: boolean | null | undefined
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined
}

/** Texts that one request may ask for: they are held in memory together. */
const maxChoices = 128

/** The OpenAI API, over this server's language models. */
export function openAiRoutes({ catalogue, textService, metrics, maxBodyBytes, clock, log }: OpenAiOptions) {
  const startedAt = Math.floor(Date.now() / 1000)
  const models = () =>
    [...catalogue.values()].filter(({ manifest }) => manifest.generation || manifest.embedding)
  const describe = (id: string) => ({ id, object: 'model', created: startedAt, owned_by: 'spillway' })

  const generatorOf = async (model: string): Promise<TextGenerator> => {
    const generator = await textService.generator(findModel(catalogue, model))
    metrics.watch(model, () => generator.load)
    return generator
  }

  const complete = (
    c: Context<Env>,
    terms: Terms,
    generator: TextGenerator,
    requests: readonly TokensRequest[],
    shape: ApiShape,
  ): Promise<Response> => {
    const n = terms.n ?? 1
    if (requests.length * n > maxChoices)
      throw wrongParameter('n', `at most ${maxChoices} texts for all prompts together`)
    const left = new AbortController()
    const gone = disconnectSignal(c)
    const leave = () => {
      // The connection goes on to other requests.
      gone.removeEventListener('abort', leave)
      left.abort()
    }
    gone.addEventListener('abort', leave)
    if (gone.aborted) leave()
    const { model } = terms
    const measure = metrics.measure(model)
    const choices = startChoices(generator, requests, n, left.signal)
    const completion = { model, generator, choices, shape, measure, clock }
    if (!terms.stream) return answerWhole(c, completion).finally(leave)
    const includeUsage = terms.stream_options?.include_usage === true
    return answerStream(c, completion, { includeUsage, leave })
  }

  return new Hono<Env>()
    .onError(answerOpenAiError(log))
    .get('/models', (c) =>
      c.json({ object: 'list', data: models().map(({ manifest }) => describe(manifest.id)) }),
    )
    .get('/models/:id', (c) => c.json(describe(findModel(catalogue, c.req.param('id')).manifest.id)))
    .post('/chat/completions', async (c) => {
      const request = await readRequest(c, maxBodyBytes, chatRequest)
      const generator = await generatorOf(request.model)
      const { tokenizer } = generator
      const shape = chatForm(request, { tokenizer, byId: request.return_tokens_as_token_ids === true })
      return complete(c, request, generator, [chatRequestOf(request, tokenizer)], shape)
    })
    .post('/completions', async (c) => {
      const request = await readRequest(c, maxBodyBytes, completionRequest)
      const generator = await generatorOf(request.model)
      const { tokenizer } = generator
      const shape = completionForm(request, { tokenizer, byId: request.return_tokens_as_token_ids === true })
      return complete(c, request, generator, completionRequestsOf(request, tokenizer), shape)
    })
    .post('/embeddings', async (c) => {
      const request = await readRequest(c, maxBodyBytes, embeddingRequest)
      const texts = promptsOf(request.input)
      if (texts.length === 0) throw wrongParameter('input', 'one text at least')
      const entry = findModel(catalogue, request.model)
      return c.json(
        embeddingsAnswer(request, await textService.embed(entry, texts, { signal: disconnectSignal(c) })),
      )
    })
}

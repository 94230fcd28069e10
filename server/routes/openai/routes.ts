import { type Context, Hono } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import { textNames } from '../../../models/core/index.ts'
import { type ApiShape, chatShape, completionShape } from '../../../workers/host/text/openai/api-shape.ts'
import { checkChoices } from '../../../workers/host/text/openai/choices.ts'
import {
  checkDimensions,
  type EmbeddingsAnswer,
} from '../../../workers/host/text/openai/embeddings-answer.ts'
import { invalidParameter } from '../../../workers/host/text/openai/invalid-parameter.ts'
import { checkPrompt, type PromptBounds } from '../../../workers/host/text/openai/prompt-bounds.ts'
import { textOfResponse } from '../../../workers/host/text/openai/response-input.ts'
import {
  type PreparedText,
  promptsOf,
  textOfChat,
  textsOfCompletion,
} from '../../../workers/host/text/openai/text-requests.ts'
import type { TextGenerator } from '../../../workers/host/text/types.ts'
import type { Log, Variables } from '../../http/request-log.ts'
import {
  type Catalogue,
  type CatalogueEntry,
  findModel,
  findTexts,
  type NamedTexts,
} from '../../inference/catalogue.ts'
import { derivedFrom } from '../../inference/live-catalogue.ts'
import type { RequestWait } from '../../inference/request-wait.ts'
import type { TextService } from '../../inference/text-service.ts'
import type { Metrics } from '../../observability/metrics.ts'
import { jobOf } from '../../offload/job-of.ts'
import type { Offload } from '../../offload/offload.ts'
import { checkRows, type RequestLimits } from '../../request-limits.ts'
import { type ForwardedRequest, isForwarded } from '../../upstream/openai/forwarded-request.ts'
import type { Forwarding } from '../../upstream/openai/forwarding.ts'
import { answerOpenAiError } from './errors.ts'
import { sendJson } from './json-completion.ts'
import { prepareTexts, type ReadPrompts, readRequest } from './read-request.ts'
import { sendResponse } from './send-response.ts'
import { type AskedTexts, startTexts } from './start-texts.ts'
import { sendStream } from './stream-completion.ts'
import { writeEmbeddings } from './write-embeddings.ts'

export interface OpenAiOptions {
  readonly catalogue: Catalogue
  readonly textService: TextService
  readonly offload: Offload
  readonly metrics: Pick<Metrics, 'texts'>
  /** Passes on requests for models that other engines run. */
  readonly forwarding: Forwarding
  readonly maxBodyBytes: number
  readonly requestLimits: RequestLimits
  readonly clock: Clock
  readonly log: Log
}

type Env = { Variables: Variables }

/** The fields that chats and completions share and that decide how the answer is sent. */
interface AnswerOptions extends AskedTexts {
  readonly preferred_variant?: string | null | undefined
  readonly stream?: boolean | null | undefined
  readonly stream_options?: { readonly include_usage?: boolean | null | undefined } | null | undefined
}

/** Numbers to write as JSON on the server's own thread: a message would cost more. */
const mostWrittenHere = 20_000

/** The OpenAI API over this server's language and embedding models. */
export function openAiRoutes({
  catalogue,
  textService,
  offload,
  metrics,
  forwarding,
  maxBodyBytes,
  requestLimits: { json, maxRows, maxChoices, maxTimeoutMs },
  clock,
  log,
}: OpenAiOptions) {
  const startedAt = Math.floor(Date.now() / 1000)
  const models = () =>
    [...catalogue.values()].filter(
      ({ manifest, upstream }) =>
        manifest.generation || manifest.embedding || upstream?.protocol === 'openai',
    )
  /** As vLLM has it, an adapter's parent is its model. */
  const describe = (id: string, { manifest }: CatalogueEntry) => ({
    id,
    object: 'model',
    created: startedAt,
    owned_by: 'spillway',
    ...(id !== manifest.id && { parent: manifest.id }),
  })

  const generatorOf = async (
    c: Context<Env>,
    named: NamedTexts,
    { model, preferred_variant }: AnswerOptions,
  ): Promise<TextGenerator> => {
    c.set('model', model)
    const generator = await textService.generator(named, preferred_variant ?? undefined)
    // The load of the server's own variant, which its adapters share: nearly all texts are of it.
    if (preferred_variant == null) metrics.texts.watchLoad(named.entry.manifest.id, () => generator.load)
    return generator
  }

  /** What the model can read; a model that is not for text fails by itself. */
  const boundsOf = ({ manifest: { generation, embedding } }: CatalogueEntry): PromptBounds => {
    return generation ?? { context: embedding?.context ?? 0 }
  }

  const reading = derivedFrom(catalogue, () => {
    const maxTokens = Math.max(
      1,
      ...[...catalogue.values()].map(({ manifest: { generation, embedding } }) =>
        Math.max(generation?.context ?? 0, embedding?.context ?? 0),
      ),
    )
    return {
      maxBodyBytes,
      bounds: { maxTokens, forwarded: forwarding.models, json },
      offload,
      deadlineMs: maxTimeoutMs,
      clock,
    }
  })

  const readingFor =
    (wait: RequestWait, entry: CatalogueEntry): ReadPrompts =>
    (prompts, templateArguments) =>
      textService.readPrompts(entry, prompts, templateArguments, wait)

  const sendEmbeddings = async (c: Context<Env>, wait: RequestWait, answer: EmbeddingsAnswer) => {
    const numbers = answer.embeddings.length * (answer.embeddings[0]?.length ?? 0)
    const headers = { 'content-type': 'application/json' }
    if (numbers <= mostWrittenHere) return c.body(writeEmbeddings(answer), 200, headers)
    // Copies, which can move: vectors may be views of a batch's output.
    const embeddings = answer.embeddings.map((vector) => vector.slice())
    const body = await offload.run('writeEmbeddings', { ...answer, embeddings }, jobOf(wait, embeddings))
    return c.body(body, 200, headers)
  }

  const starting = { metrics, maxChoices, clock }

  const forward = (
    c: Context<Env>,
    path: 'chat/completions' | 'completions' | 'responses',
    request: ForwardedRequest,
    wait: RequestWait,
  ) => {
    checkChoices(request.texts, maxChoices)
    return forwarding.complete(c, path, request, wait)
  }

  const complete = async (
    c: Context<Env>,
    options: AnswerOptions,
    asked: RequestWait,
    generator: TextGenerator,
    texts: readonly PreparedText[],
    shape: ApiShape,
  ): Promise<Response> => {
    const { model } = options
    const started = await startTexts(c, options, asked, generator, texts, starting)
    const { cancel } = started
    const completion = { ...started, model, executedOn: generator.executedOn, shape }
    if (!options.stream) return sendJson(c, completion).finally(cancel)
    const includeUsage = options.stream_options?.include_usage === true
    return sendStream(c, completion, { includeUsage, cancel })
  }

  return new Hono<Env>()
    .onError(answerOpenAiError(log))
    .get('/models', (c) =>
      c.json({
        object: 'list',
        data: models().flatMap((entry) => textNames(entry.manifest).map((name) => describe(name, entry))),
      }),
    )
    .get('/models/:id', (c) => {
      const name = c.req.param('id')
      return c.json(describe(name, findTexts(catalogue, name).entry))
    })
    .post('/chat/completions', async (c) => {
      const { request, wait } = await readRequest(c, reading(), 'chat')
      if (isForwarded(request)) return forward(c, 'chat/completions', request, wait)
      // Found once: the catalogue may change while the request is read.
      const named = findTexts(catalogue, request.model)
      const { entry } = named
      const generator = await generatorOf(c, named, request)
      const { tokenizer } = generator
      const shape = chatShape(request, { tokenizer, byId: request.return_tokens_as_token_ids === true })
      return complete(
        c,
        request,
        wait,
        generator,
        await prepareTexts([textOfChat(request, boundsOf(entry))], readingFor(wait, entry), tokenizer),
        shape,
      )
    })
    .post('/completions', async (c) => {
      const { request, wait } = await readRequest(c, reading(), 'completion')
      if (isForwarded(request)) return forward(c, 'completions', request, wait)
      // Found once: the catalogue may change while the request is read.
      const named = findTexts(catalogue, request.model)
      const { entry } = named
      const generator = await generatorOf(c, named, request)
      const { tokenizer } = generator
      const shape = completionShape(request, { tokenizer, byId: request.return_tokens_as_token_ids === true })
      return complete(
        c,
        request,
        wait,
        generator,
        await prepareTexts(textsOfCompletion(request, boundsOf(entry)), readingFor(wait, entry), tokenizer),
        shape,
      )
    })
    .post('/responses', async (c) => {
      const { request, wait } = await readRequest(c, reading(), 'response')
      if (isForwarded(request)) return forward(c, 'responses', request, wait)
      const named = findTexts(catalogue, request.model)
      const { entry } = named
      const generator = await generatorOf(c, named, request)
      const texts = await prepareTexts(
        [textOfResponse(request, boundsOf(entry))],
        readingFor(wait, entry),
        generator.tokenizer,
      )
      return sendResponse(c, request, await startTexts(c, request, wait, generator, texts, starting))
    })
    .post('/embeddings', async (c) => {
      const { request, wait } = await readRequest(c, reading(), 'embedding')
      if (isForwarded(request)) {
        checkRows(request.texts, { maxRows }, 'input')
        return forwarding.embed(c, request, wait)
      }
      const texts = promptsOf(request.input)
      if (texts.length === 0) throw invalidParameter('input', 'at least one text')
      checkRows(texts.length, { maxRows }, 'input')
      const entry = findModel(catalogue, request.model)
      c.set('model', request.model)
      if (entry.manifest.embedding) for (const text of texts) checkPrompt('input', text, boundsOf(entry))
      const allowance = c.get('allowance')
      await allowance?.use('rows', texts.length)
      const result = await textService.embed(entry, texts, wait)
      allowance?.record('tokens', result.promptTokens)
      c.set('embedded', { rows: texts.length, promptTokens: result.promptTokens })
      c.set('inference', { model: request.model, rows: texts.length, ...result.runs })
      checkDimensions(request, result)
      const { model, encoding_format } = request
      return sendEmbeddings(c, wait, { ...result, request: { model, encoding_format } })
    })
}

import { linkAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { type Policy, splitAdaptedName } from '../../models/core/index.ts'
import { checkBody, checkStreamOptions, type RequestKind } from '../../workers/host/text/openai/check-body.ts'
import { checkDimensions, embeddingsAnswer } from '../../workers/host/text/openai/embeddings-answer.ts'
import { invalidParameter } from '../../workers/host/text/openai/invalid-parameter.ts'
import { checkPrompt } from '../../workers/host/text/openai/prompt-bounds.ts'
import { promptsOf } from '../../workers/host/text/openai/text-requests.ts'
import type { Runtime } from '../api/create-runtime.ts'
import type { Model } from '../api/model.ts'
import type { LazyTextService } from '../text/lazy-text-service.ts'
import { createCallWait } from './call-wait.ts'
import { startTexts } from './start-texts.ts'
import type { OpenAiEmbeddings, OpenAiOptions } from './types.ts'
import { streamTexts, wholeAnswer } from './write-texts.ts'

/** What the client needs of the runtime. */
export interface OpenAiSources {
  readonly openModel: Runtime['model']
  readonly texts: Pick<LazyTextService, 'embed' | 'tokenizer'>
  /** The runtime's, for requests without one. */
  readonly policy: () => Policy
}

/** The requests for texts. */
export type TextsKind = Exclude<RequestKind, 'embedding'>

/** Answers OpenAI's requests with the page's models. */
export class OpenAiAnswers {
  readonly #sources: OpenAiSources
  readonly #clock: Clock
  readonly #models = new Map<string, Promise<Model>>()

  constructor(sources: OpenAiSources, clock: Clock) {
    this.#sources = sources
    this.#clock = clock
  }

  /** @throws SpillwayError As the server refuses the request, else as `Model.generate`. */
  async texts(kind: TextsKind, body: unknown, options: OpenAiOptions): Promise<object> {
    checkStreamOptions(Object(body))
    const request = checkBody(kind, body)
    const { controller, release } = linkAbort(options.signal ?? undefined)
    let isStreamed = false
    try {
      const wait = createCallWait({ ...options, signal: controller.signal }, this.#clock)
      const model = await wait.until(this.#model(request.model))
      const started = await startTexts(request, model, wait, this.#sources.texts)
      if (!request.stream) return await wholeAnswer(request, started)
      const stream = await streamTexts(request, started, { controller, release })
      isStreamed = true
      return stream
    } catch (cause) {
      // The other texts of the request.
      controller.abort()
      throw cause
    } finally {
      if (!isStreamed) release()
    }
  }

  /** @throws SpillwayError As the server refuses the request, else as `Model.embed`. */
  async embeddings(body: unknown, options: OpenAiOptions): Promise<OpenAiEmbeddings> {
    const request = checkBody('embedding', body)
    const inputs = promptsOf(request.input)
    if (inputs.length === 0) throw invalidParameter('input', 'at least one text')
    const wait = createCallWait(options, this.#clock)
    const model = await wait.until(this.#model(request.model))
    const { embedding } = model.manifest
    if (embedding) for (const input of inputs) checkPrompt('input', input, embedding)
    const placement = { policy: this.#sources.policy(), ...wait.options() }
    const result = await this.#sources.texts.embed(model.manifest, inputs, placement)
    checkDimensions(request, result)
    return embeddingsAnswer({ ...result, request }, toBase64) as OpenAiEmbeddings
  }

  /** By the model's source, or by `source:adapter`, as the server has it. */
  async #open(name: string): Promise<Model> {
    const { model, adapter } = splitAdaptedName(name)
    return this.#sources.openModel(model, adapter === undefined ? {} : { adapter })
  }

  #model(source: string): Promise<Model> {
    const known = this.#models.get(source)
    if (known) return known
    const opening = this.#open(source)
    this.#models.set(source, opening)
    opening.catch(() => this.#models.delete(source))
    return opening
  }
}

/** Bytes of one call: a call has at most some ten thousand arguments. */
const bytesAtOnce = 8_192

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += bytesAtOnce)
    text += String.fromCharCode(...bytes.subarray(at, at + bytesAtOnce))
  return btoa(text)
}

import type { Context } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import { type ErrorCode, SpillwayError } from '../../../models/core/index.ts'
import type { GeneratorLoad } from '../../../workers/protocol/generation.ts'
import { requestIdHeader, type Variables } from '../../http/request-log.ts'
import type { RequestWait } from '../../inference/request-wait.ts'
import type { Metrics } from '../../observability/metrics.ts'
import type { TextRecord } from '../../observability/text-record.ts'
import { traceparentHeader } from '../../observability/trace-context.ts'
import { jobOf } from '../../offload/job-of.ts'
import type { Offload } from '../../offload/offload.ts'
import { sendEvents } from '../../routes/openai/send-events.ts'
import type { EngineExchange } from './engine.ts'
import { EngineStream } from './engine-stream.ts'
import type { Engines } from './engines.ts'
import { EventRelay } from './event-relay.ts'
import { type ForwardedAnswer, readAnswer, rewriteAnswer } from './forwarded-answer.ts'
import type { ForwardedRequest } from './forwarded-request.ts'
import { ForwardedTexts } from './forwarded-texts.ts'

type Env = { Variables: Variables }

export interface ForwardingOptions {
  readonly engines: Engines
  readonly metrics: Pick<Metrics, 'texts'>
  readonly offload: Offload
  readonly clock: Clock
  /** The longest silence of an engine in the middle of a text, in milliseconds. Default: a minute. */
  readonly silenceMs?: number
}

/** A shorter answer is rewritten on the server's own thread: a message would cost more. */
const mostRewrittenHere = 65_536

const json = { 'content-type': 'application/json' }

/** Passes requests of the OpenAI API on to the engines of their models. */
export class Forwarding {
  readonly #options: ForwardingOptions

  constructor(options: ForwardingOptions) {
    this.#options = options
  }

  /** The models whose requests are passed on, with their names at their engines. */
  get models(): Readonly<Record<string, string>> {
    return this.#options.engines.names
  }

  /** Answers a chat, a completion or a response. */
  async complete(
    c: Context<Env>,
    path: Exclude<EngineExchange['path'], 'embeddings'>,
    request: ForwardedRequest,
    wait: RequestWait,
  ): Promise<Response> {
    const { metrics, clock } = this.#options
    const { model, texts, promptTokens } = request
    const record = metrics.texts.forRequest(model, texts, promptTokens)
    c.set('texts', record)
    metrics.texts.watchLoad(model, this.#loadOf(model))
    const counted = new ForwardedTexts(request, record, c.get('allowance'), clock)
    const exchange = exchangeOf(c, path, request)
    if (request.stream) return this.#stream(c, exchange, wait, counted, record)
    try {
      const { body, fields } = await this.#answer(exchange, wait, record)
      counted.addAnswer(fields)
      counted.end()
      return c.body(body, 200, json)
    } catch (cause) {
      counted.fail(cause instanceof SpillwayError ? cause.code : 'internal')
      throw cause
    }
  }

  async embed(c: Context<Env>, request: ForwardedRequest, wait: RequestWait): Promise<Response> {
    const { model, texts } = request
    c.set('model', model)
    const allowance = c.get('allowance')
    await allowance?.use('rows', texts)
    const { body, fields } = await this.#answer(exchangeOf(c, 'embeddings', request), wait)
    const { prompt_tokens: counted }: { prompt_tokens?: unknown } = Object(fields.usage)
    const promptTokens = typeof counted === 'number' ? counted : request.promptTokens
    allowance?.record('tokens', promptTokens)
    c.set('embedded', { rows: texts, promptTokens })
    return c.body(body, 200, json)
  }

  async #stream(
    c: Context<Env>,
    exchange: EngineExchange,
    wait: RequestWait,
    counted: ForwardedTexts,
    record: TextRecord,
  ): Promise<Response> {
    const { engines, clock, silenceMs = 60_000 } = this.#options
    const { request } = exchange
    const opening = engines.named(request.model).send(exchange, wait, (response, call) => {
      record.replica = call.name
      const relay = new EventRelay(request, counted)
      return EngineStream.open({ model: request.model, response, relay, call, clock, silenceMs })
    })
    const close = () =>
      opening.then(
        (stream) => stream.close(),
        () => undefined,
      )
    const options = {
      first: opening,
      clock,
      onFailure: (code: ErrorCode) => counted.fail(code),
      onEnd: () => void close(),
    }
    return sendEvents(c, options, async (client) => {
      const stream = await opening
      for (
        let events: string | undefined = stream.first;
        events !== undefined;
        events = await stream.next()
      ) {
        await client.sendRaw(events)
        if (client.isAborted) return
      }
      counted.end()
    })
  }

  /** What is known of the engine's load: the requests that this server has there. */
  #loadOf(model: string): () => GeneratorLoad {
    const { replicas } = this.#options.engines.named(model)
    return () => ({ slots: 0, running: replicas.inFlight, waiting: 0, kvUsage: 0 })
  }

  /** A whole answer, as it is sent to the client. */
  async #answer(exchange: EngineExchange, wait: RequestWait, record?: TextRecord): Promise<ForwardedAnswer> {
    const { engines, offload } = this.#options
    const { model } = exchange.request
    const answer = await engines.named(model).send(exchange, wait, (response, call) => {
      if (record) record.replica = call.name
      return readAnswer(model, response, call)
    })
    if (answer.length <= mostRewrittenHere) return rewriteAnswer(model, answer)
    return offload.run('rewriteAnswer', { model, answer }, jobOf(wait, [answer]))
  }
}

function exchangeOf(
  c: Context<Env>,
  path: EngineExchange['path'],
  request: ForwardedRequest,
): EngineExchange {
  const requestId = c.get('requestId')
  const span = c.get('span')
  return {
    path,
    request,
    headers: {
      ...(requestId !== undefined && { [requestIdHeader]: requestId }),
      ...(span && { [traceparentHeader]: span.parent }),
    },
  }
}

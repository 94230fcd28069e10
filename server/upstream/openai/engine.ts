import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { type RequestWait, remainingMs } from '../../inference/request-wait.ts'
import type { ReplicaCall } from '../call.ts'
import { retryAfterMs } from '../errors.ts'
import type { Replicas } from '../replicas.ts'
import { bySignal, readText } from '../upstream-fetch.ts'
import { errorOfAnswer } from './engine-error.ts'
import { type ForwardedRequest, namesOptionalField, withoutOptionalFields } from './forwarded-request.ts'

/** What goes with a request to the engine. */
export interface EngineHeaders {
  readonly 'x-request-id'?: string
  readonly traceparent?: string
}

/** One exchange with an engine. */
export interface EngineExchange {
  readonly path: 'chat/completions' | 'completions' | 'embeddings'
  readonly request: ForwardedRequest
  readonly headers: EngineHeaders
}

export interface OpenAiEngineOptions {
  readonly replicas: Replicas
  /** The most requests in flight there. */
  readonly maxConcurrent: number
  /** With its key. */
  readonly headers: Readonly<Record<string, string>>
  readonly clock: Clock
}

/** An engine of the OpenAI API, at one or several addresses. */
export class OpenAiEngine {
  readonly replicas: Replicas
  readonly #options: OpenAiEngineOptions
  /** Whether it has refused fields that pages can do without. */
  #takesPlainBodies = false

  constructor(options: OpenAiEngineOptions) {
    this.replicas = options.replicas
    this.#options = options
  }

  /**
   * Sends a request to a replica, and to another one where that fails before `use` has resolved.
   *
   * @param use Reads the answer as far as a failure may be repeated.
   * @throws SpillwayError as `use` and `Replicas.send` do; the engine's own error, translated; `overloaded` where it has enough requests.
   */
  async send<T>(
    exchange: EngineExchange,
    wait: RequestWait,
    use: (response: Response, call: ReplicaCall) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#options
    const attempt = async (call: ReplicaCall): Promise<{ readonly value: T } | SpillwayError> => {
      const response = await this.#ask(exchange, call)
      return response instanceof SpillwayError ? response : { value: await use(response, call) }
    }
    this.#refuseBeyondMost(exchange.request.model)
    const answer = await this.replicas.send(attempt, {
      affinity: exchange.request.affinity,
      signal: wait.signal,
      deadlineMs: remainingMs(wait, clock.now()),
    })
    if (answer instanceof SpillwayError) throw answer
    return answer.value
  }

  #refuseBeyondMost(model: string): void {
    const { maxConcurrent } = this.#options
    const inFlight = this.replicas.all.reduce((sum, replica) => sum + replica.inFlight, 0)
    if (inFlight < maxConcurrent) return
    throw new SpillwayError('overloaded', `The engine of ${model} has too many requests`, {
      expected: `fewer than ${maxConcurrent} in flight`,
      got: `${inFlight}`,
      retryAfterMs,
      hint: 'Try again later.',
    })
  }

  /** @returns The answer; or an error that the operator of this server has to see to, and no replica is at fault for. */
  async #ask(
    { path, request, headers }: EngineExchange,
    call: ReplicaCall,
  ): Promise<Response | SpillwayError> {
    const { model, body } = request
    const url = new URL(path, call.url)
    const isPlain = this.#takesPlainBodies
    const send = (plain: boolean) =>
      this.#post(url, headers, plain ? withoutOptionalFields(body) : body, call.signal)
    let response = await send(isPlain)
    if (response.ok) return response
    const read = () => bySignal(url, call.signal, () => readText(response))
    let answer = await read()
    if (!isPlain && response.status === 400 && namesOptionalField(answer)) {
      this.#takesPlainBodies = true
      response = await send(true)
      if (response.ok) return response
      answer = await read()
    }
    const error = errorOfAnswer(model, response, answer)
    if (response.status < 500 && error.code === 'server_response_invalid') return error
    throw error
  }

  #post(url: URL, headers: EngineHeaders, body: string, signal: AbortSignal): Promise<Response> {
    const request: RequestInit = {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        // A compressed stream would come in blocks.
        'accept-encoding': 'identity',
        ...headers,
        ...this.#options.headers,
      },
      body,
      signal,
      redirect: 'error',
    }
    return bySignal(url, signal, () => fetch(url, request))
  }
}

import { SpillwayError } from '../../../models/core/index.ts'
import { requestTimeout } from '../../../models/protocols/request-timeout.ts'
import { type RequestWait, remainingMs } from '../../inference/request-wait.ts'
import type { ReplicaCall } from '../call.ts'
import { exchange, isSuccess, readText, type UpstreamResponse } from '../exchange.ts'
import type { Replicas } from '../replicas.ts'
import type { Upstream } from '../upstream.ts'
import { errorOfAnswer } from './engine-error.ts'
import {
  type EnginePath,
  type ForwardedRequest,
  namesOptionalField,
  withoutOptionalFields,
} from './forwarded-request.ts'

/** What goes with a request to the engine. */
export interface EngineHeaders {
  readonly 'x-request-id'?: string
  readonly traceparent?: string
}

/** One exchange with an engine. */
export interface EngineExchange {
  readonly path: EnginePath
  readonly request: ForwardedRequest
  readonly headers: EngineHeaders
}

/** An engine of the OpenAI API, at one or several addresses. */
export class OpenAiEngine {
  readonly #upstream: Upstream
  /** Whether it has refused fields that pages can do without. */
  #takesPlainBodies = false

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  get replicas(): Replicas {
    return this.#upstream.replicas
  }

  /**
   * Sends a request to a replica, and to another one where that fails before `use` has resolved.
   *
   * @param use Reads the answer as far as a failure may be repeated.
   * @throws SpillwayError as `use` and `Upstream.send` do; the engine's own error, translated.
   */
  async send<T>(
    exchange: EngineExchange,
    wait: RequestWait,
    use: (response: UpstreamResponse, call: ReplicaCall) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#upstream.model
    const attempt = async (call: ReplicaCall): Promise<{ readonly value: T } | SpillwayError> => {
      const response = await this.#ask(exchange, call)
      return response instanceof SpillwayError ? response : { value: await use(response, call) }
    }
    const answer = await this.#upstream.send(attempt, {
      caller: wait.caller,
      weight: wait.weight,
      affinity: exchange.request.affinity,
      signal: wait.signal,
      deadlineMs: remainingMs(wait, clock.now()),
    })
    if (answer instanceof SpillwayError) throw answer
    return answer.value
  }

  /** @returns The answer; or an error that the operator of this server has to see to, and no replica is at fault for. */
  async #ask(
    { path, request, headers }: EngineExchange,
    call: ReplicaCall,
  ): Promise<UpstreamResponse | SpillwayError> {
    const { model, body } = request
    const url = new URL(path, call.url)
    const isPlain = this.#takesPlainBodies
    const send = (plain: boolean) => {
      const timed = { ...headers, ...requestTimeout(call.leftMs()) }
      return this.#post(url, timed, plain ? withoutOptionalFields(body, path) : body, call.signal)
    }
    let response = await send(isPlain)
    if (isSuccess(response)) return response
    const read = () => readText(response, call.signal)
    let answer = await read()
    if (!isPlain && response.status === 400 && namesOptionalField(answer, path)) {
      this.#takesPlainBodies = true
      response = await send(true)
      if (isSuccess(response)) return response
      answer = await read()
    }
    const error = errorOfAnswer(model, response, answer)
    if (response.status < 500 && error.code === 'server_response_invalid') return error
    throw error
  }

  #post(url: URL, headers: EngineHeaders, body: string, signal: AbortSignal): Promise<UpstreamResponse> {
    return exchange(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        // A compressed stream would come in blocks.
        'accept-encoding': 'identity',
        ...headers,
        ...this.#upstream.model.headers,
      },
      body,
      signal,
    })
  }
}

import * as z from 'zod/mini'
import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError, schemaError } from '../../models/core/index.ts'
import { tokenAnswer, tokenPath } from '../../models/protocols/auth.ts'
import { requestJson } from './request.ts'
import type { RequestHeaders } from './request-headers.ts'

type Headers = Readonly<Record<string, string>>

interface Token {
  readonly headers: Headers
  /** When a new one is fetched, while this one still holds. */
  renewAt: number
  readonly endsAt: number
}

const timeoutMs = 10_000

/** The part of a token's time after which it is renewed. */
const renewAfter = 0.75

/** Between attempts to renew a token that still holds. */
const retryMs = 5_000

/**
 * The tokens that a page's key is exchanged for, with the first request that needs one. The key is sent in the body of
 * that exchange only.
 */
export class PageTokens implements RequestHeaders {
  readonly #url: URL
  readonly #key: string
  readonly #clock: Clock
  #current: Token | undefined
  /** The exchange that all requests share. */
  #exchange: Promise<Token> | undefined

  constructor(server: URL, key: string, clock: Clock) {
    this.#url = new URL(tokenPath, server)
    this.#key = key
    this.#clock = clock
  }

  /**
   * Sends a request with a token. Where the server does not take it, it is renewed once.
   *
   * @throws SpillwayError As `send` and `requestJson`.
   */
  async send<T>(signal: AbortSignal | undefined, send: (headers: Headers) => Promise<T>): Promise<T> {
    const token = await this.#token(signal)
    try {
      return await send(token.headers)
    } catch (cause) {
      if (!isUnauthenticated(cause)) throw cause
      return send((await this.#replace(token, signal)).headers)
    }
  }

  /** As `send`, for an answer in parts. A server refuses a request before the first of them. */
  async *stream<T>(
    signal: AbortSignal | undefined,
    send: (headers: Headers) => AsyncIterable<T>,
  ): AsyncGenerator<T, void, undefined> {
    const token = await this.#token(signal)
    let hasBegun = false
    try {
      for await (const part of send(token.headers)) {
        hasBegun = true
        yield part
      }
      return
    } catch (cause) {
      if (hasBegun || !isUnauthenticated(cause)) throw cause
    }
    yield* send((await this.#replace(token, signal)).headers)
  }

  async #token(signal: AbortSignal | undefined): Promise<Token> {
    const token = this.#current
    const now = this.#clock.now()
    if (!token || now >= token.endsAt) return withAbort(signal, this.#renew())
    if (now >= token.renewAt) {
      token.renewAt = now + retryMs
      // This request has a token that holds. A failure concerns later ones.
      this.#renew().catch(() => undefined)
    }
    return token
  }

  /** A token in place of one that the server refused. Another request may have renewed it already. */
  #replace(refused: Token, signal: AbortSignal | undefined): Promise<Token> {
    if (this.#current === refused) this.#current = undefined
    return withAbort(signal, this.#current ? Promise.resolve(this.#current) : this.#renew())
  }

  #renew(): Promise<Token> {
    this.#exchange ??= this.#fetch().finally(() => {
      this.#exchange = undefined
    })
    return this.#exchange
  }

  async #fetch(): Promise<Token> {
    const sentAt = this.#clock.now()
    const answer = await requestJson(this.#url, {
      clock: this.#clock,
      timeoutMs,
      method: 'POST',
      body: JSON.stringify({ key: this.#key }),
    })
    const parsed = z.safeParse(tokenAnswer, answer)
    if (!parsed.success)
      // The value is left out of the message: it may hold a token.
      throw schemaError('server_response_invalid', `The answer of ${this.#url.href}`, parsed.error, undefined)
    const lifeMs = 1000 * parsed.data.expires_in
    this.#current = {
      headers: { authorization: `Bearer ${parsed.data.access_token}` },
      renewAt: sentAt + renewAfter * lifeMs,
      endsAt: sentAt + lifeMs,
    }
    return this.#current
  }
}

const isUnauthenticated = (cause: unknown) =>
  cause instanceof SpillwayError && cause.code === 'unauthenticated'

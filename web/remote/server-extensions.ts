import type { Clock } from '../../models/async/clock.ts'
import { binaryExtension } from '../../models/protocols/oip-names.ts'
import { requestJson } from './request.ts'
import type { RequestHeaders } from './request-headers.ts'

const timeoutMs = 5_000

/** The protocol extensions that a server lists at `GET v2`. It is asked after the first answer, not before. */
export class Extensions {
  readonly #url: URL
  readonly #clock: Clock
  readonly #headers: RequestHeaders
  #discovering: Promise<boolean> | undefined
  #binary = false

  constructor(server: URL, clock: Clock, headers: RequestHeaders) {
    this.#url = new URL('v2', server)
    this.#clock = clock
    this.#headers = headers
  }

  /** Whether the server is known to take binary tensors. */
  get binary(): boolean {
    return this.#binary
  }

  /** Asks the server whether it takes binary tensors: once, in the next task, and again after a failure. */
  discover(): Promise<boolean> {
    this.#discovering ??= this.#fetch().catch(() => {
      this.#discovering = undefined
      return false
    })
    return this.#discovering
  }

  async #fetch(): Promise<boolean> {
    // The page gets the answer that just came first.
    await new Promise<void>((resolve) => this.#clock.after(0, resolve))
    const answer = await requestJson(this.#url, {
      clock: this.#clock,
      timeoutMs,
      pageHeaders: this.#headers,
    })
    const extensions: unknown = Reflect.get(Object(answer), 'extensions')
    this.#binary = Array.isArray(extensions) && extensions.includes(binaryExtension)
    return this.#binary
  }
}

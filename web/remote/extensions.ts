import * as z from 'zod/mini'
import type { Clock } from '../../models/async/clock.ts'
import { binaryExtension } from '../../models/protocols/oip-binary.ts'
import { requestJson } from './request.ts'

const metadata = z.object({ extensions: z.optional(z.array(z.string())) })

const timeoutMs = 5_000

/** What a server can do beyond the protocol's core, as `GET v2` says. Asked after the first answer, not before it. */
export class Extensions {
  readonly #url: URL
  readonly #clock: Clock
  #asked: Promise<boolean> | undefined
  #binary = false

  constructor(server: URL, clock: Clock) {
    this.#url = new URL('v2', server)
    this.#clock = clock
  }

  /** Whether the server is known to take binary tensors. */
  get binary(): boolean {
    return this.#binary
  }

  /** Whether it does: asked once, in the next task, and again where there was no answer. */
  ask(): Promise<boolean> {
    this.#asked ??= this.#ask().catch(() => {
      this.#asked = undefined
      return false
    })
    return this.#asked
  }

  async #ask(): Promise<boolean> {
    // An answer that just came is given to the page first.
    await new Promise<void>((resolve) => this.#clock.after(0, resolve))
    const parsed = z.safeParse(metadata, await requestJson(this.#url, { clock: this.#clock, timeoutMs }))
    this.#binary = parsed.success && parsed.data.extensions?.includes(binaryExtension) === true
    return this.#binary
  }
}

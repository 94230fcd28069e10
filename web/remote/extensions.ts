import * as z from 'zod/mini'
import { binaryExtension } from '../../models/oip-binary.ts'
import type { Clock } from '../../workers/clock.ts'
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

  /** Whether it does: asked once, and again where there was no answer. */
  ask(): Promise<boolean> {
    this.#asked ??= requestJson(this.#url, { clock: this.#clock, timeoutMs }).then(
      (answer) => {
        const parsed = z.safeParse(metadata, answer)
        this.#binary = parsed.success && parsed.data.extensions?.includes(binaryExtension) === true
        return this.#binary
      },
      () => {
        this.#asked = undefined
        return false
      },
    )
    return this.#asked
  }
}

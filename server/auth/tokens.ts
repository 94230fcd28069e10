import { hash, randomBytes } from 'node:crypto'
import { sign, verify } from 'hono/jwt'
import * as z from 'zod/mini'

/** What a token says. */
const claims = z.object({
  /** The name of the key that it was exchanged for. */
  sub: z.string(),
  /** The origin of the page that exchanged it. */
  origin: z.string(),
  /** Seconds since 1970 at which it ends. */
  exp: z.number(),
})
export type Claims = z.infer<typeof claims>

export interface TokensOptions {
  /** Servers that share it accept each other's tokens. Default: random, for this process. */
  readonly secret: string | undefined
  /** Seconds for which a token holds. */
  readonly seconds: number
  /** Milliseconds since 1970. A token is read by other processes, so it holds by the time of day. */
  readonly now?: () => number
}

/** Verified tokens that are remembered: verifying one takes longer than many runs. */
const maxRemembered = 10_000

const algorithm = 'HS256'

/** Short-lived tokens for pages, signed by the server. */
export class Tokens {
  readonly seconds: number
  readonly #secret: string
  readonly #now: () => number
  /** By the token's hash: tokens themselves are not kept. */
  readonly #verified = new Map<string, Claims>()

  constructor({ secret, seconds, now = Date.now }: TokensOptions) {
    this.seconds = seconds
    this.#secret = secret ?? randomBytes(32).toString('base64url')
    this.#now = now
  }

  issue(key: string, origin: string): Promise<string> {
    const exp = Math.floor(this.#now() / 1000) + this.seconds
    return sign({ sub: key, origin, exp } satisfies Claims, this.#secret, algorithm)
  }

  /** What a token says; `expired` or `invalid` where it does not hold. */
  async read(token: string): Promise<Claims | 'expired' | 'invalid'> {
    const digest = hash('sha256', token, 'base64')
    const found = this.#verified.get(digest) ?? (await this.#verify(token))
    if (!found) return 'invalid'
    if (1000 * found.exp <= this.#now()) {
      this.#verified.delete(digest)
      return 'expired'
    }
    this.#remember(digest, found)
    return found
  }

  async #verify(token: string): Promise<Claims | undefined> {
    try {
      // The end of a token is checked above, by the given time.
      const parsed = z.safeParse(claims, await verify(token, this.#secret, { alg: algorithm, exp: false }))
      return parsed.success ? parsed.data : undefined
    } catch {
      return undefined
    }
  }

  #remember(digest: string, found: Claims): void {
    if (this.#verified.has(digest)) return
    const [oldest] = this.#verified.keys()
    if (oldest !== undefined && this.#verified.size >= maxRemembered) this.#verified.delete(oldest)
    this.#verified.set(digest, found)
  }
}

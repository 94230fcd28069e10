/** The file of API keys that a server reads and the command writes entries for, and the keys' own form. */
import * as z from 'zod/mini'
import { schemaError } from '../core/schema-error.ts'

/**
 * Prefixes of keys: `sk_` for servers, which keep them secret; `pk_` for pages, whose readers see them; `ak_` for
 * administrators, who may load and unload models besides.
 */
export const keyPrefixes = { server: 'sk_', page: 'pk_', admin: 'ak_' } as const

/** The largest weight of a key. */
const mostWeight = 100

/** Random bytes of a key. */
export const keyBytes = 32

const limit = z.optional(z.int().check(z.positive()))

/** Bounds on what one caller may use. Absent: no bound. */
const keyLimits = z.strictObject({
  requestsPerMinute: limit,
  rowsPerMinute: limit,
  tokensPerMinute: limit,
  /** Requests in flight at the same time. */
  concurrentRequests: limit,
})
export type KeyLimits = z.infer<typeof keyLimits>

/** Whether a text is an origin as browsers send it: `https://shop.example`, without a path or its scheme's own port. */
export const isOrigin = (text: string): boolean =>
  /^[a-z][a-z\d+.-]*:\/\/(?:[a-z\d.-]+|\[[\da-f:]+\])(?::\d{1,5})?$/.test(text) &&
  !/^(?:https:.*:443|http:.*:80)$/.test(text)

const entry = z
  .strictObject({
    /** In logs and tokens. */
    name: z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)),
    kind: z.enum(['server', 'page', 'admin']),
    /**
     * The key's SHA-256 in hexadecimal. A key has 256 random bits, which nobody can guess: a slow hash, made for
     * passwords, would protect it no better and would cost every request.
     */
    sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
    /** Origins of the pages that may use the key. */
    origins: z.optional(
      z
        .array(
          z
            .string()
            .check(z.refine(isOrigin, { error: 'an origin such as "https://shop.example", without a path' })),
        )
        .check(z.minLength(1)),
    ),
    limits: z.optional(keyLimits),
    /** The share of a busy server, as a multiple of that of other callers. Default: 1. */
    weight: z.optional(z.int().check(z.minimum(1), z.maximum(mostWeight))),
    /** The highest priority that its requests may have. Default: `high`. */
    highestPriority: z.optional(z.enum(['high', 'normal', 'low'])),
  })
  .check(
    z.refine(({ kind, origins }) => (kind === 'page') === (origins !== undefined), {
      error: 'origins for a key of kind "page", and none for another kind',
      path: ['origins'],
    }),
  )

const keysFile = z.strictObject({
  keys: z.array(entry).check(
    z.minLength(1),
    z.refine((keys) => isUnique(keys.map(({ name }) => name)), { error: 'keys with different names' }),
    z.refine((keys) => isUnique(keys.map(({ sha256 }) => sha256)), { error: 'different keys' }),
  ),
})

/** What a server keeps of a key. */
export type KeyEntry = z.infer<typeof entry>

const isUnique = (texts: readonly string[]) => new Set(texts).size === texts.length

/** @throws SpillwayError `request_malformed`, naming the first invalid field. */
export function parseKeysFile(value: unknown, path: string): readonly KeyEntry[] {
  const result = z.safeParse(keysFile, value)
  if (result.success) return result.data.keys
  throw schemaError('request_malformed', `The file of keys ${path}`, result.error, value, {
    hint: '"spillway key create" prints an entry.',
  })
}

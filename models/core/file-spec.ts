import * as z from 'zod/mini'

/** A path inside the model's folder; it cannot name anything outside. */
const filePath = z.string().check(
  z.maxLength(512),
  z.refine(
    (path) => path.split('/').every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part)),
    'a relative path without empty, hidden or ".." parts',
  ),
)

export const fileSpec = z.strictObject({
  path: filePath,
  /** Size in bytes. */
  size: z.int().check(z.positive()),
  /** SHA-256 in lower-case hexadecimal. */
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
})

/** A file of a model: its path, size and hash. */
export type FileSpec = z.infer<typeof fileSpec>

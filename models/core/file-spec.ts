import * as z from 'zod/mini'

/** A name that every file system has, and that neither hides a file nor leaves its folder. */
const fileName = /^(?!\.)[^\\/:*?"<>|\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+$/u

/** Whether a path names a file inside the model's folder, and nothing outside. */
export const isFilePath = (path: string): boolean => path.split('/').every((part) => fileName.test(part))

const filePath = z
  .string()
  .check(
    z.maxLength(512),
    z.refine(
      isFilePath,
      'a relative path without empty, hidden or ".." parts, and without \\ : * ? " < > | or invisible characters',
    ),
  )

/** Schema of a file. */
export const fileSpec = z.strictObject({
  path: filePath,
  size: z.int().check(z.positive()),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
})

/** A file of a model: its path, size and hash. */
export interface FileSpec {
  /** Relative to the manifest. */
  path: string
  /** Size in bytes. */
  size: number
  /** SHA-256 in lower-case hexadecimal. */
  sha256: string
}

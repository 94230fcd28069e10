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

export const fileSpec = z.strictObject({
  path: filePath,
  /** Size in bytes. */
  size: z.int().check(z.positive()),
  /** SHA-256 in lower-case hexadecimal. */
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
})

/** A file of a model: its path, size and hash. */
export type FileSpec = z.infer<typeof fileSpec>

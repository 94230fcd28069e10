import * as z from 'zod/mini'

/** One setting: its type in the configuration file, its default, and what it means. */
export interface Setting<T> {
  readonly schema: z.ZodMiniType<T>
  /** Undefined for a setting that has none. */
  readonly initial: T
  /** For the table in server/README.md and the published JSON schema. */
  readonly about: string
  /** The value that a variable's text stands for; the schema then checks it. */
  readonly fromText: (text: string) => unknown
  /** Messages do not quote its value. */
  readonly isSecret?: true
}

/** A blank text is no number, though `Number` makes it 0. */
export const numberFrom = (text: string) => (text.trim() === '' ? text : Number(text))

export const count = (least: number, most: number, initial: number, about: string): Setting<number> => ({
  schema: z.number().check(z.int(), z.minimum(least), z.maximum(most)),
  initial,
  about,
  fromText: numberFrom,
})

export const seconds = (initial: number, about: string) => count(1, 86_400, initial, about)
export const bytes = (initial: number, about: string) => count(1, 2 ** 50, initial, about)
export const bytesIfSet = (about: string): Setting<number | undefined> => ({
  schema: z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(2 ** 50))),
  initial: undefined,
  about,
  fromText: numberFrom,
})
export const number = (initial: number, about: string) => count(1, 1_000_000_000, initial, about)

export const limit = (about: string): Setting<number | undefined> => ({
  schema: z.optional(z.number().check(z.int(), z.minimum(1), z.maximum(1_000_000_000))),
  initial: undefined,
  about,
  fromText: numberFrom,
})

export const asIs = (text: string) => text

import type { Context } from 'hono'
import * as z from 'zod/mini'
import { SpillwayError, schemaError } from '../../models/core/index.ts'
import { readBody } from './read-body.ts'

export interface JsonBody<T extends z.core.$ZodType> {
  readonly schema: T
  /** The body's name in errors. */
  readonly what: string
  readonly maxBytes: number
  /** Whether no body stands for an empty object. */
  readonly mayBeEmpty?: boolean
}

/**
 * Reads a small body and checks it.
 *
 * @throws SpillwayError `request_malformed`; else as `readBody` does.
 */
export async function readJson<T extends z.core.$ZodType>(
  c: Context,
  { schema, what, maxBytes, mayBeEmpty = false }: JsonBody<T>,
): Promise<z.output<T>> {
  const body = await readBody(c, maxBytes)
  const value = mayBeEmpty && body.length === 0 ? {} : parseJson(body, what)
  const parsed = z.safeParse(schema, value)
  if (parsed.success) return parsed.data
  throw schemaError('request_malformed', what, parsed.error, value)
}

function parseJson(body: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw SpillwayError.from(cause, 'request_malformed', `${what} is not JSON`)
  }
}

import { createHash } from 'node:crypto'
import type { Context } from 'hono'

/** A JSON document that clients revalidate by its hash. */
export interface Document {
  readonly body: string
  readonly tag: string
}

export function documentOf(value: object): Document {
  const body = JSON.stringify(value)
  return { body, tag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}

export function sendDocument(c: Context, { body, tag }: Document): Response {
  const headers = { etag: tag, 'cache-control': 'no-cache' }
  if (matchesTag(c.req.header('if-none-match'), tag)) return c.body(null, 304, headers)
  return c.body(body, 200, { ...headers, 'content-type': 'application/json' })
}

export const matchesTag = (header: string | undefined, tag: string) =>
  header === '*' || header?.split(',').some((listed) => listed.trim().replace(/^W\//, '') === tag) === true

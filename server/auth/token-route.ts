import { Hono } from 'hono'
import * as z from 'zod/mini'
import { SpillwayError, schemaError } from '../../models/core/index.ts'
import { type TokenAnswer, tokenRequest } from '../../models/protocols/auth.ts'
import { readBody } from '../http/read-body.ts'
import type { Variables } from '../http/request-log.ts'
import type { Keys } from './keys.ts'
import type { Tokens } from './tokens.ts'
import { unauthenticated } from './unauthenticated.ts'

const maxBodyBytes = 4_096

/** `POST /auth/token`: a page's key for a token, to pages of the key's origins. */
export const tokenRoute = (keys: Keys, tokens: Tokens) =>
  new Hono<{ Variables: Variables }>().post('/token', async (c) => {
    const entry = keys.find(readKey(await readBody(c, maxBodyBytes)))
    if (entry?.kind !== 'page')
      throw unauthenticated(c, {
        what: 'The key is not exchanged for a token',
        expected: 'a key for pages that this server knows',
        got: entry ? 'a key for servers, which stays secret: it is no key for a page' : 'another key',
        error: 'invalid_token',
      })
    const origin = c.req.header('origin')
    if (origin === undefined || !entry.origins?.includes(origin))
      throw new SpillwayError('access_denied', `The key ${entry.name} is for pages of other origins`, {
        expected: "an origin of the key's list",
        got: origin ?? 'no origin',
        hint: "Add the page's origin to the key's entry on the server.",
      })
    const answer: TokenAnswer = {
      access_token: await tokens.issue(entry.name, origin),
      token_type: 'Bearer',
      expires_in: tokens.seconds,
    }
    return c.json(answer, 200, { 'cache-control': 'no-store' })
  })

function readKey(body: Uint8Array): string {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(body))
  } catch {
    value = undefined
  }
  const parsed = z.safeParse(tokenRequest, value)
  if (parsed.success) return parsed.data.key
  throw schemaError('request_malformed', 'The request for a token', parsed.error, value)
}

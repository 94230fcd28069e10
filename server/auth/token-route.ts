import { Hono } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'
import { type TokenAnswer, tokenRequest } from '../../models/protocols/auth.ts'
import { readJson } from '../http/read-json.ts'
import type { Variables } from '../http/request-log.ts'
import type { Keys } from './keys.ts'
import type { Tokens } from './tokens.ts'
import { unauthenticated } from './unauthenticated.ts'

const body = { schema: tokenRequest, what: 'The request for a token', maxBytes: 4_096 }

/** `POST /auth/token`: a page's key for a token, to pages of the key's origins. */
export const tokenRoute = (keys: Keys, tokens: Tokens) =>
  new Hono<{ Variables: Variables }>().post('/token', async (c) => {
    const entry = keys.find((await readJson(c, body)).key)
    if (entry?.kind !== 'page')
      throw unauthenticated(c, {
        what: 'The key is not exchanged for a token',
        expected: 'a key for pages that this server knows',
        got: entry ? 'a key that stays secret: it is no key for a page' : 'another key',
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

/** How a page exchanges its key for a token: `POST auth/token`, with the names of OAuth 2.0. */
import * as z from 'zod/mini'

export const tokenPath = 'auth/token'

export const tokenRequest = z.strictObject({ key: z.string() })

export const tokenAnswer = z.object({
  access_token: z.string().check(z.minLength(1)),
  token_type: z.literal('Bearer'),
  /** Seconds. */
  expires_in: z.number().check(z.positive()),
})
export type TokenAnswer = z.infer<typeof tokenAnswer>

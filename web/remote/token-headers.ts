import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { importOnce } from '../../models/async/import-code.ts'
import type { RequestHeaders } from './request-headers.ts'

/** The header `authorization` with a token of the page's key. Its code is imported with the first request. */
export function tokenHeaders(server: URL, key: string, clock: Clock): RequestHeaders {
  const tokens = importOnce(clock, 'keys', async () => {
    const { PageTokens } = await import('./page-tokens.ts')
    return new PageTokens(server, key, clock)
  })
  // Other requests may wait for the same code.
  const load = (signal: AbortSignal | undefined) => withAbort(signal, tokens())
  return {
    send: async (signal, send) => (await load(signal)).send(signal, send),
    async *stream(signal, send) {
      yield* (await load(signal)).stream(signal, send)
    },
  }
}

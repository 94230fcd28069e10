import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { importCode } from '../../models/async/import-code.ts'
import type { PageTokens } from './page-tokens.ts'
import type { RequestHeaders } from './request-headers.ts'

/** The header `authorization` with a token of the page's key. Its code is imported with the first request. */
export function tokenHeaders(server: URL, key: string, clock: Clock): RequestHeaders {
  let loading: Promise<PageTokens> | undefined
  const load = (signal: AbortSignal | undefined) => {
    loading ??= importCode(clock, 'keys', () => import('./page-tokens.ts')).then(
      ({ PageTokens }) => new PageTokens(server, key, clock),
      (cause: unknown) => {
        loading = undefined
        throw cause
      },
    )
    // Other requests may wait for the same code.
    return withAbort(signal, loading)
  }
  return {
    send: async (signal, send) => (await load(signal)).send(signal, send),
    async *stream(signal, send) {
      yield* (await load(signal)).stream(signal, send)
    },
  }
}

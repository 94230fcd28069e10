import { SpillwayError } from '../core/index.ts'
import type { Clock } from './clock.ts'
import { withTimeout } from './timeouts.ts'

/** The longest wait for a part of the library's code, in milliseconds. */
const importMs = 60_000

const hint =
  'Check the connection and try again. After a new deployment of the site, its former files may be gone: reload the page.'

/**
 * Imports a part of the library once. Where that failed, the next call tries it again.
 *
 * @param load Imports it, and may make something of it.
 */
export function importOnce<T>(clock: Clock, what: string, load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined
  return () => {
    loading ??= importCode(clock, what, load).catch((cause: unknown) => {
      loading = undefined
      throw cause
    })
    return loading
  }
}

/**
 * Imports a part of the library when it is first needed.
 *
 * @param what Its name, for messages.
 * @throws SpillwayError `server_unreachable` where its file does not load, `server_timeout` where it takes too long.
 */
export async function importCode<T>(clock: Clock, what: string, load: () => Promise<T>): Promise<T> {
  const loading = load().catch((cause: unknown) => {
    throw new SpillwayError(
      'server_unreachable',
      `The code of ${what} could not be loaded`,
      { hint },
      { cause },
    )
  })
  return withTimeout(
    clock,
    importMs,
    loading,
    () =>
      new SpillwayError('server_timeout', `The code of ${what} did not load within ${importMs / 1_000} s`, {
        hint,
      }),
  )
}

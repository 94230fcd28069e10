import { SpillwayError } from '../core/index.ts'
import type { Clock } from './clock.ts'
import { fetchWithTimeout } from './fetch-with-timeout.ts'

/** A browser gives a response with a checksum only when all of it is here. */
const timeoutMs = 300_000

/**
 * The bytes of a file, or a rejection where they have another SHA-256: the browser checks them.
 *
 * @param sha256 In hexadecimal digits.
 * @throws SpillwayError `server_unreachable` or `server_timeout`.
 */
export async function fetchVerified(url: URL, sha256: string, clock: Clock): Promise<ArrayBuffer> {
  const fetchBy = (cache: RequestCache) =>
    fetchWithTimeout(
      url,
      {
        clock,
        timeoutMs,
        timeoutOf: 'exchange',
        request: { cache, integrity: `sha256-${base64OfHex(sha256)}` },
        onTimeout: () =>
          new SpillwayError('server_timeout', `${url.href} did not come`, {
            expected: `the file within ${timeoutMs / 1_000} s`,
          }),
        onFailure: (cause) =>
          new SpillwayError(
            'server_unreachable',
            `${url.href} could not be fetched with the expected bytes`,
            { expected: `SHA-256 ${sha256}`, hint: 'Check the network, and the file on the server.' },
            { cause },
          ),
      },
      (response) => response.arrayBuffer(),
    )
  try {
    return await fetchBy('default')
  } catch (cause) {
    // An HTTP cache may hold wrong bytes.
    if (cause instanceof SpillwayError && cause.code === 'server_unreachable') return fetchBy('reload')
    throw cause
  }
}

const base64OfHex = (hex: string): string =>
  btoa(hex.replace(/../g, (digits) => String.fromCharCode(Number.parseInt(digits, 16))))

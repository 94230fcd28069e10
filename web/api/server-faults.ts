import type { Clock } from '../../models/async/clock.ts'

/** Faults of a page's connection to its server. Downloads of models run in a worker, and have none. */
export interface ServerFaults {
  /** Breaks the connection, in the middle of whatever goes over it, until it is set to `false`. */
  isServerCut: boolean
  /** Milliseconds for which each request waits before it is sent. */
  serverDelayMs: number
}

/** Replaces the page's `fetch` by one with faults, for addresses below the server's. */
export function watchFetch(server: URL, clock: Clock): ServerFaults {
  const { fetch } = globalThis
  let connection = new AbortController()
  const faults: ServerFaults = {
    get isServerCut() {
      return connection.signal.aborted
    },
    set isServerCut(isCut) {
      // As `fetch` itself fails where nothing listens.
      if (isCut) connection.abort(new TypeError('The connection was cut on purpose'))
      else if (connection.signal.aborted) connection = new AbortController()
    },
    serverDelayMs: 0,
  }
  globalThis.fetch = async (input, init) => {
    const request = input instanceof Request ? input : undefined
    const address = request?.url ?? new URL(String(input), location.href).href
    if (!address.startsWith(server.href)) return fetch(input, init)
    const { serverDelayMs } = faults
    if (serverDelayMs > 0) await new Promise<void>((resolve) => clock.after(serverDelayMs, resolve))
    const { signal } = connection
    const own = init?.signal ?? request?.signal
    return fetch(input, { ...init, signal: own ? AbortSignal.any([own, signal]) : signal })
  }
  return faults
}

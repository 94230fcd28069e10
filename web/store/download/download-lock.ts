import { abortedBy } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'

/** Between two messages of the downloading tab. */
const heartbeatMs = 1_000

/** Without a message for this long the downloading tab counts as frozen, and a waiting tab downloads itself. */
const heartbeatTimeoutMs = 15_000

/** The message of the downloading tab to the others. */
interface ProgressMessage {
  readonly key: string
  readonly received: number
}

export interface DownloadLockOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Called with the bytes received by this tab, or by the tab that it waits for. */
  readonly onBytes: (received: number) => void
}

/**
 * Lets one tab at a time download a file. The others wait, and then find it in the store. When the downloading tab is
 * closed the next one continues. Without Web Locks each tab downloads for itself, also where the browser refuses them
 * with all storage.
 *
 * @param work Called with the lock held. It reports the bytes that it has received.
 */
export async function withDownloadLock<T>(
  key: string,
  { clock, signal, onBytes }: DownloadLockOptions,
  work: (report: (received: number) => void) => Promise<T>,
): Promise<T> {
  const locks = globalThis.navigator?.locks
  if (!locks) return work(onBytes)
  const channel = openChannel()
  const waiting = new AbortController()
  const stopWaiting = () => waiting.abort()
  signal?.addEventListener('abort', stopWaiting, { once: true })
  if (signal?.aborted) stopWaiting()

  let cancelTimeout = () => {}
  const awaitHeartbeat = () => {
    cancelTimeout()
    cancelTimeout = clock.after(heartbeatTimeoutMs, stopWaiting)
  }
  if (channel)
    channel.onmessage = ({ data }: MessageEvent<ProgressMessage>) => {
      if (data.key !== key) return
      awaitHeartbeat()
      onBytes(data.received)
    }

  const workAndBroadcast = async () => {
    cancelTimeout()
    if (channel) channel.onmessage = null
    let received = 0
    let cancelHeartbeat = () => {}
    const beat = () => {
      channel?.postMessage({ key, received } satisfies ProgressMessage)
      cancelHeartbeat = clock.after(heartbeatMs, beat)
    }
    beat()
    try {
      return await work((now) => {
        received = now
        onBytes(now)
      })
    } finally {
      cancelHeartbeat()
    }
  }

  awaitHeartbeat()
  try {
    let hasLock = false
    try {
      return await locks.request(`spillway file ${key}`, { signal: waiting.signal }, () => {
        hasLock = true
        return workAndBroadcast()
      })
    } catch (cause) {
      if (hasLock) throw cause
      if (signal?.aborted) throw abortedBy(signal)
      // No heartbeat came, or the browser refuses locks where it refuses storage.
      return await workAndBroadcast()
    }
  } finally {
    cancelTimeout()
    signal?.removeEventListener('abort', stopWaiting)
    channel?.close()
  }
}

/** Firefox refuses channels where the visitor blocks the site's data. The lock works without: nobody else waits. */
function openChannel(): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel('spillway')
  } catch {
    return undefined
  }
}

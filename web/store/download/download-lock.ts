import { abortedBy } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'

/** Milliseconds between two signs of life of who downloads. */
const beatMs = 1_000

/** Milliseconds without one after which its tab counts as frozen, and who waits goes on without it. */
const silenceMs = 15_000

/** What the tab that downloads tells the others. */
interface Heard {
  readonly key: string
  readonly received: number
}

export interface DownloadLockOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Told what another tab has received while this one waits for it. */
  readonly onBytes: (received: number) => void
}

/**
 * One download of a file at a time, whatever tabs want it: the others wait, and find the file in the store. When
 * its tab is closed the next one goes on. Where the browser has no Web Locks each tab works for itself.
 */
export async function withDownloadLock<T>(
  key: string,
  { clock, signal, onBytes }: DownloadLockOptions,
  work: (tell: (received: number) => void) => Promise<T>,
): Promise<T> {
  const locks = globalThis.navigator?.locks
  if (!locks) return work(onBytes)
  const channel = new BroadcastChannel('spillway')
  const waiting = new AbortController()
  const leave = () => waiting.abort()
  signal?.addEventListener('abort', leave, { once: true })
  if (signal?.aborted) leave()

  let cancelSilence = () => {}
  const listen = () => {
    cancelSilence()
    cancelSilence = clock.after(silenceMs, leave)
  }
  channel.onmessage = ({ data }: MessageEvent<Heard>) => {
    if (data.key !== key) return
    listen()
    onBytes(data.received)
  }

  const takeIt = async () => {
    cancelSilence()
    channel.onmessage = null
    let last = 0
    let cancelBeat = () => {}
    const tell = () => {
      channel.postMessage({ key, received: last } satisfies Heard)
      cancelBeat = clock.after(beatMs, tell)
    }
    tell()
    try {
      return await work((received) => {
        last = received
        onBytes(received)
      })
    } finally {
      cancelBeat()
    }
  }

  listen()
  try {
    let isMine = false
    return await locks
      .request(`spillway file ${key}`, { signal: waiting.signal }, () => {
        isMine = true
        return takeIt()
      })
      .catch((cause: unknown) => {
        if (isMine) throw cause
        if (signal?.aborted) throw abortedBy(signal)
        // Nothing was heard for long, or the browser refuses locks where it refuses storage.
        return takeIt()
      })
  } finally {
    cancelSilence()
    signal?.removeEventListener('abort', leave)
    channel.close()
  }
}

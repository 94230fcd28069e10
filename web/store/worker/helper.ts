import { type Remote, wrap } from 'comlink'
import type { Clock } from '../../../models/async/clock.ts'
import { withTimeout } from '../../../models/async/timeouts.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { createWorker } from '../../../workers/host/lane-client/browser/create-worker.ts'

/** Milliseconds for a helper to start, and for it to do what it was asked for. */
const timeoutMs = 20_000

/** A worker that the store's worker starts for itself. */
export interface Helper<T> {
  readonly api: Remote<T>
  /** @throws SpillwayError `lane_failed` where the helper ended or does not answer; or what the call throws. */
  answered<R>(call: Promise<R>): Promise<R>
  end(): void
}

/**
 * @param ready The first call: it is answered once the helper can work.
 * @throws SpillwayError `lane_failed`, or what the browser throws where a worker may not start another.
 */
export async function startHelper<T>(
  clock: Clock,
  url: URL,
  name: string,
  ready: (api: Remote<T>) => Promise<unknown>,
): Promise<Helper<T>> {
  const { worker, terminate } = createWorker(url, name)
  const failed = new Promise<never>((_resolve, reject) => {
    worker.addEventListener('error', (event) => {
      // It would go on to who started this thread, as its own failure.
      event.preventDefault()
      reject(new SpillwayError('lane_failed', `${name} ended: ${event.message || 'it did not load'}`))
    })
  })
  // It may fail while nobody waits; who waits next is told.
  failed.catch(() => undefined)
  const api = wrap<T>(worker)
  const answered = <R>(call: Promise<R>): Promise<R> =>
    withTimeout(
      clock,
      timeoutMs,
      Promise.race([call, failed]),
      () => new SpillwayError('lane_failed', `${name} does not answer`),
    )
  try {
    await answered(ready(api))
  } catch (cause) {
    terminate()
    throw cause
  }
  return { api, answered, end: terminate }
}

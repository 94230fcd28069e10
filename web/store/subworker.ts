import { type Remote, wrap } from 'comlink'
import type { Clock } from '../../models/async/clock.ts'
import { withTimeout } from '../../models/async/timeouts.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { createWorker } from '../../workers/host/lane-client/browser/create-worker.ts'

/** Bounds the start of a subworker, and each of its calls. */
const timeoutMs = 20_000

/** A worker that the store's worker starts for itself. */
export interface Subworker<T> {
  readonly api: Remote<T>
  /**
   * The result of a call of `api`, which alone would stay pending when the worker dies.
   *
   * @throws SpillwayError `lane_failed` where the worker ended or does not answer; or the error of the call.
   */
  guard<R>(call: Promise<R>): Promise<R>
  terminate(): void
}

/**
 * @param ready The first call. Its answer shows that the worker can work.
 * @throws SpillwayError `lane_failed`; or the browser's error where a worker may not start another.
 */
export async function startSubworker<T>(
  clock: Clock,
  url: URL,
  name: string,
  ready: (api: Remote<T>) => Promise<unknown>,
): Promise<Subworker<T>> {
  const { worker, terminate, endReason } = createWorker(url, name)
  const failed = new Promise<never>((_resolve, reject) => {
    worker.addEventListener('error', (event) => {
      // Otherwise it would be reported to the parent of this worker, as this worker's own failure.
      event.preventDefault()
      reject(new SpillwayError('lane_failed', `${name} ended: ${endReason(event)}`))
    })
  })
  // It may fail between two calls; the next call reports it.
  failed.catch(() => undefined)
  const api = wrap<T>(worker)
  const guard = <R>(call: Promise<R>): Promise<R> =>
    withTimeout(
      clock,
      timeoutMs,
      Promise.race([call, failed]),
      () => new SpillwayError('lane_failed', `${name} does not answer`),
    )
  try {
    await guard(ready(api))
  } catch (cause) {
    terminate()
    throw cause
  }
  return { api, guard, terminate }
}

import { abortedBy } from '../../../../models/async/abort.ts'
import { SpillwayError } from '../../../../models/core/index.ts'

/** Items of one call that run at a time: enough to fill the batches of several lanes. */
const maxAtOnce = 256

/**
 * Runs all items, a bounded number at a time, so that a call with many items takes a bounded part of a queue and other
 * callers take turns with it. Where the queue is full, fewer run at a time; only an item that is refused while no other
 * runs fails the call.
 *
 * @param run Its signal fires when the caller aborts or another item has failed, so that a failed call leaves nothing
 * queued.
 * @throws SpillwayError the first error of an item, or `aborted`.
 */
export async function runInPieces<T extends object>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  run: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (signal?.aborted) throw abortedBy(signal)
  // A signal for each worker: Node warns of one that has a listener for each item.
  const workers = Array.from({ length: Math.min(maxAtOnce, items.length) }, () => new AbortController())
  const stop = () => {
    for (const worker of workers) worker.abort(signal?.reason)
  }
  signal?.addEventListener('abort', stop, { once: true })
  const refused: T[] = []
  let taken = 0
  let running = 0
  const next = () => refused.pop() ?? items[taken++]

  const work = async ({ signal: stopped }: AbortController): Promise<void> => {
    for (let item = next(); item !== undefined && !stopped.aborted; item = next()) {
      running++
      try {
        await run(item, stopped)
      } catch (cause) {
        if (!isOverloaded(cause) || running === 1) {
          stop()
          throw cause
        }
        // Those that run take it when they are done.
        refused.push(item)
        return
      } finally {
        running--
      }
    }
  }
  try {
    await Promise.all(workers.map(work))
  } finally {
    signal?.removeEventListener('abort', stop)
  }
  if (signal?.aborted) throw abortedBy(signal)
}

const isOverloaded = (cause: unknown) => cause instanceof SpillwayError && cause.code === 'overloaded'

import { transfer, wrap } from 'comlink'
import { SpillwayError } from '../../models/index.ts'
import { bounded } from '../../workers/bounded.ts'
import { createWorker } from '../../workers/browser/create-worker.ts'
import type { Clock } from '../../workers/clock.ts'
import { type Digest, openDigest } from './digest.ts'
import type { DigestApi } from './digest-entry.ts'
import workerUrl from './digest-entry.ts?worker&url'
import { chunkBytes } from './store.ts'

/** Milliseconds for a worker to start, and for it to hash what it was given. */
const patience = 20_000

/** Pieces that may wait to be hashed: a network faster than the hash must not fill the memory with copies. */
const maxWaiting = 4

/** A large file's digest is taken in a worker of its own, where the browser lets a worker start another. */
export const openDigestFor =
  (clock: Clock) =>
  async (size: number | undefined): Promise<Digest> =>
    size !== undefined && size > chunkBytes ? openInWorker(clock).catch(openDigest) : openDigest()

async function openInWorker(clock: Clock): Promise<Digest> {
  const { worker, terminate } = createWorker(new URL(workerUrl, import.meta.url), 'spillway digest')
  const failed = new Promise<never>((_resolve, reject) => {
    const fail = ({ message }: ErrorEvent) =>
      reject(new SpillwayError('lane_failed', `The digest's worker ended: ${message || 'it did not load'}`))
    worker.addEventListener('error', fail)
  })
  // It may fail while nobody waits; who waits next is told.
  failed.catch(() => undefined)
  const api = wrap<DigestApi>(worker)
  const answered = <T>(work: Promise<T>): Promise<T> =>
    bounded(
      clock,
      patience,
      Promise.race([work, failed]),
      () => new SpillwayError('lane_failed', "The digest's worker does not answer"),
    )
  try {
    await answered(api.ready())
  } catch (cause) {
    terminate()
    throw cause
  }
  let waiting: Promise<void>[] = []
  return {
    update: async (bytes) => {
      const copy = bytes.slice()
      waiting.push(api.update(transfer(copy, [copy.buffer])))
      const first = waiting.length > maxWaiting ? waiting.shift() : undefined
      if (first) await answered(first)
    },
    finish: () => answered(api.finish()),
    restart: () => {
      waiting = []
      void api.restart()
    },
    close: terminate,
  }
}

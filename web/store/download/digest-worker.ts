import { transfer } from 'comlink'
import type { Clock } from '../../../models/async/clock.ts'
import { chunkBytes } from '../storage/model-store.ts'
import { startHelper } from '../worker/helper.ts'
import { type MovableDigest, type OpenDigest, openDigest } from './digest.ts'
import type { DigestApi } from './digest-entry.ts'
import workerUrl from './digest-entry.ts?worker&url'
import { openResumableHash } from './resumable-hash.ts'

/** A large file's digest is taken in a worker of its own, where the browser lets a worker start another. */
export const openDigestFor =
  (clock: Clock): OpenDigest =>
  async (size) =>
    size !== undefined && size > chunkBytes
      ? openResumableHash((state) => openInWorker(clock, state))
      : openDigest(size)

async function openInWorker(clock: Clock, state: Uint8Array | undefined): Promise<MovableDigest> {
  const url = new URL(workerUrl, import.meta.url)
  const { api, answered, end } = await startHelper<DigestApi>(clock, url, 'spillway digest', (started) =>
    started.open(state),
  )
  return {
    update: (bytes) => {
      const copy = bytes.slice()
      return answered(api.update(transfer(copy, [copy.buffer])))
    },
    finish: () => answered(api.finish()),
    restart: () => {
      void api.restart()
    },
    close: end,
  }
}

import { transfer } from 'comlink'
import type { Clock } from '../../../models/async/clock.ts'
import { chunkBytes } from '../storage/model-store.ts'
import { startSubworker } from '../subworker.ts'
import { type Digest, type OpenDigest, openDigest } from './sha256-digest.ts'
import type { DigestApi } from './sha256-digest-entry.ts'

/** Updates that may wait for the worker: a network faster than the hash must not fill the memory with copies. */
const maxPending = 4

/**
 * A large file is hashed in a worker of its own. Where no worker starts, the calling thread hashes.
 *
 * @param script The address of the worker's script.
 */
export const openDigestFor =
  (clock: Clock, script: string): OpenDigest =>
  async (size) => {
    if (size === undefined || size <= chunkBytes) return openDigest(size)
    try {
      return withFallback(await openInWorker(clock, script))
    } catch {
      return openDigest(size)
    }
  }

async function openInWorker(clock: Clock, script: string): Promise<Digest> {
  const { api, guard, terminate } = await startSubworker<DigestApi>(
    clock,
    new URL(script),
    'spillway digest',
    (started) => started.open(),
  )
  return {
    update: (bytes) => {
      const copy = bytes.slice()
      return guard(api.update(transfer(copy, [copy.buffer])))
    },
    finish: () => guard(api.finish()),
    restart: () => {
      void api.restart()
    },
    close: terminate,
  }
}

/** When the worker dies, the calling thread hashes all bytes again, so the download does not notice. */
function withFallback(inWorker: Digest): Digest {
  let digest = inWorker
  /** Views of the file's own buffer, not copies. */
  let taken: Uint8Array[] = []
  let pending: Promise<void>[] = []

  const fallBack = async () => {
    inWorker.close()
    digest = await openDigest(undefined)
    pending = []
    for (const bytes of taken) await digest.update(bytes)
  }
  const settle = async (most: number) => {
    try {
      while (pending.length > most) {
        await pending[0]
        pending.shift()
      }
    } catch {
      await fallBack()
    }
  }

  return {
    update: async (bytes) => {
      taken.push(bytes)
      const update = digest.update(bytes)
      // It is awaited later, and may fail before.
      update.catch(() => undefined)
      pending.push(update)
      await settle(maxPending)
    },
    finish: async () => {
      await settle(0)
      try {
        return await digest.finish()
      } catch (cause) {
        if (digest !== inWorker) throw cause
        await fallBack()
        return digest.finish()
      }
    },
    restart: () => {
      taken = []
      pending = []
      digest.restart()
    },
    close: () => digest.close(),
  }
}

import { createStore, del, get, set, type UseStore } from 'idb-keyval'
import { type FileSpec, SpillwayError } from '../../models/index.ts'
import { bounded } from '../../workers/bounded.ts'
import type { Clock } from '../../workers/clock.ts'
import { checkBytes } from './check.ts'
import type { ModelStore } from './store.ts'

/** Milliseconds for one operation: a database that another tab is upgrading or a broken profile may never answer. */
const patience = 10_000

/** Milliseconds for which a database that did not answer is left alone. */
const restMs = 60_000

/** The store in IndexedDB: files by the SHA-256 of their content, manifests by their address. */
export function createIndexedDbStore(clock: Clock, name = 'spillway'): ModelStore {
  let opened: UseStore | undefined
  let restUntil = Number.NEGATIVE_INFINITY

  // Private windows and blocked storage fail here: the page then works without a store.
  const attempt = async <T>(operation: (store: UseStore) => Promise<T>): Promise<T | undefined> => {
    if (clock.now() < restUntil) return undefined
    try {
      opened ??= createStore(name, 'models')
      return await bounded(clock, patience, operation(opened), () => {
        restUntil = clock.now() + restMs
        return new SpillwayError('internal', 'IndexedDB does not answer')
      })
    } catch {
      // A failed open would stay failed in idb-keyval: the next attempt opens anew.
      opened = undefined
      return undefined
    }
  }

  return {
    readFile: async (file) => {
      const bytes = await attempt((store) => get<ArrayBuffer>(fileKey(file), store))
      if (bytes === undefined) return undefined
      const fault = await checkBytes(file, bytes)
      if (!fault) return bytes
      await attempt((store) => del(fileKey(file), store))
      return undefined
    },
    writeFile: async (file, bytes) => {
      const fault = await checkBytes(file, bytes)
      if (fault) throw fault
      const written = await attempt(async (store) => {
        await set(fileKey(file), bytes, store)
        return true
      })
      return written ?? false
    },
    readManifest: (url) => attempt((store) => get<unknown>(manifestKey(url), store)),
    writeManifest: async (url, manifest) => {
      await attempt((store) => set(manifestKey(url), manifest, store))
    },
  }
}

export const fileKey = ({ sha256 }: FileSpec) => `file:${sha256}`
const manifestKey = (url: string) => `manifest:${url}`

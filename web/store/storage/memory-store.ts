import { checkOf, loadCheck } from './chunk-checksum.ts'
import {
  chunkRange,
  type FileRecord,
  filesUsedOnlyBy,
  type ModelRecord,
  type ModelStore,
  modelKey,
} from './model-store.ts'

/** Enough to give a replaced lane its model again without a download. */
const defaultLimit = 256 * 2 ** 20

/** The store of a page that may not use the browser's storage. It is bounded, and ends with the page. */
export function createMemoryStore(limit = defaultLimit): ModelStore {
  const files = new Map<string, { record: FileRecord; chunks: Uint8Array[] }>()
  const models = new Map<string, ModelRecord>()
  const manifests = new Map<string, unknown>()
  const freeBytes = () => {
    let used = 0
    for (const { chunks } of files.values()) for (const chunk of chunks) used += chunk.length
    return limit - used
  }
  return {
    locationOf: async () => 'memory',
    file: async (key) => files.get(key)?.record,
    files: async () => [...files.values()].map(({ record }) => record),
    read: async ({ key, checks, size }, into, onBytes) => {
      const hash = await loadCheck()
      const chunks = files.get(key)?.chunks ?? []
      for (const [index, expected] of checks.entries()) {
        const chunk = chunks[index]
        const { start, end } = chunkRange(index, size)
        if (chunk?.length !== end - start || checkOf(hash, chunk) !== expected) return false
        into.set(chunk, start)
        onBytes?.(end)
      }
      return true
    },
    append: async (record, chunk) => {
      if (freeBytes() < chunk.length) return 'full'
      const before = files.get(record.key)?.chunks.slice(0, record.checks.length - 1) ?? []
      files.set(record.key, { record, chunks: [...before, chunk.slice()] })
      return 'kept'
    },
    removeFiles: async (keys) => {
      for (const key of keys) files.delete(key)
    },
    models: async () => [...models.values()],
    putModel: async (model) => {
      models.set(modelKey(model), model)
    },
    removeModels: async (keys) => {
      for (const file of filesUsedOnlyBy([...models.values()], keys)) files.delete(file)
      for (const key of keys) models.delete(key)
    },
    availableBytes: async () => freeBytes(),
    readManifest: async (url) => manifests.get(url),
    writeManifest: async (url, manifest) => {
      manifests.set(url, manifest)
    },
  }
}

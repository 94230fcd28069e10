import { type FileRecord, type ModelStore, modelKey, storedBytes } from './model-store.ts'
import type { ModelsInUse } from './models-in-use.ts'

/** Bytes that stay free for the browser's own bookkeeping. */
const marginBytes = 4 * 2 ** 20

/**
 * Frees space for `bytes` more, if there is less: evicts models that no tab uses, least recently used first. If that
 * would not be enough, nothing is evicted.
 *
 * @param isFull Whether a write has just failed for lack of space. The browser's own figure is then ignored.
 * @returns Whether there is space now.
 */
export async function evictFor(
  store: ModelStore,
  inUse: ModelsInUse,
  bytes: number,
  isFull: boolean,
): Promise<boolean> {
  const needed = bytes + marginBytes
  const available = isFull ? 0 : await store.availableBytes()
  if (available >= needed) return true
  const [models, files, used] = await Promise.all([store.models(), store.files(), inUse.list()])
  const isUsed = (model: (typeof models)[number]) => used.has(modelKey(model))
  const usedFiles = new Set(models.filter(isUsed).flatMap((model) => model.files))
  const idle = models.filter((model) => !isUsed(model)).sort((one, other) => one.usedAt - other.usedAt)
  const idleFiles = new Set(idle.flatMap((model) => model.files))
  const evictable = files.filter(({ key }) => idleFiles.has(key) && !usedFiles.has(key))
  if (available + total(evictable) < needed) return false
  const before = total(files)
  for (const model of idle) {
    await store.removeModels([modelKey(model)])
    // Counted by our records: the browser's figure lags behind.
    if (available + before - total(await store.files()) >= needed) return true
  }
  return false
}

const total = (files: readonly FileRecord[]) => files.reduce((sum, file) => sum + storedBytes(file), 0)

import { type FileRecord, keptBytes, type ModelStore, modelKey } from './model-store.ts'
import type { ModelsInUse } from './models-in-use.ts'

/** Bytes that stay free: the browser's own bookkeeping takes some. */
const margin = 4 * 2 ** 20

/**
 * Sees to it that so many bytes can be kept: models that no tab uses go, those first that were not used for longest.
 * Where that would not be enough, none goes.
 *
 * @param isFull A write has failed: whatever the browser tells, there is no room.
 * @returns Whether there is room.
 */
export async function makeRoom(
  store: ModelStore,
  inUse: ModelsInUse,
  bytes: number,
  isFull: boolean,
): Promise<boolean> {
  const wanted = bytes + margin
  const room = isFull ? 0 : await store.availableBytes()
  if (room >= wanted) return true
  const [models, files, used] = await Promise.all([store.models(), store.files(), inUse.list()])
  const isUsed = (model: (typeof models)[number]) => used.has(modelKey(model))
  const needed = new Set(models.filter(isUsed).flatMap((model) => model.files))
  const idle = models.filter((model) => !isUsed(model)).sort((one, other) => one.usedAt - other.usedAt)
  const listed = new Set(idle.flatMap((model) => model.files))
  if (room + total(files.filter(({ key }) => listed.has(key) && !needed.has(key))) < wanted) return false
  const before = total(files)
  for (const model of idle) {
    await store.removeModels([modelKey(model)])
    // By what is gone: the browser's own figure follows when it has come to freeing it.
    if (room + before - total(await store.files()) >= wanted) return true
  }
  return false
}

const total = (files: readonly FileRecord[]) => files.reduce((sum, file) => sum + keptBytes(file), 0)

import type { ModelStorage } from '../../store/storage/model-storage.ts'
import { type ModelRecord, modelKey } from '../../store/storage/model-store.ts'
import type { ModelFolders } from './model-folders.ts'

/** The downloaded models of this user, whichever program has downloaded them. Nothing is evicted. */
export function createFolderStorage(folders: ModelFolders): ModelStorage {
  const sizesOf = (record: ModelRecord) =>
    Promise.all(
      record.files.map(
        async (file) => [`${folders.of(record)}/${file}`, await folders.sizeOf(record, file)] as const,
      ),
    )
  /** Variants may share files. */
  const total = async () => {
    const files = (await Promise.all((await folders.models()).map(sizesOf))).flat()
    return [...new Map(files).values()].reduce<number>((sum, size = 0) => sum + size, 0)
  }
  return {
    list: async () =>
      Promise.all(
        (await folders.models()).map(async (record) => {
          const { id, version, variant, usedAt } = record
          const sizes = (await sizesOf(record)).map(([, size]) => size)
          return {
            id,
            version,
            variant,
            bytes: sizes.reduce<number>((sum, size = 0) => sum + size, 0),
            isComplete: sizes.every((size) => size !== undefined),
            isInUse: folders.used.has(modelKey(record)),
            usedAt: new Date(usedAt),
          }
        }),
      ),
    usage: async () => ({ models: await total(), isPersistent: true }),
    remove: async (id) => {
      const before = await total()
      await folders.remove((await folders.models()).filter((record) => record.id === id))
      return before - (await total())
    },
    clear: () => folders.clear(),
    persist: async () => true,
  }
}

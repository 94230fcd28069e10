import { keptBytes, type ModelStore, modelKey } from './model-store.ts'
import type { ModelsInUse } from './models-in-use.ts'

/** One variant of a model, as this browser keeps it for the page's origin. */
export interface StoredModel {
  readonly id: string
  readonly version: string
  readonly variant: string
  /** Bytes of its files that are here. */
  readonly bytes: number
  /** Whether all of its files are here; if not, the next load goes on with the download. */
  readonly isComplete: boolean
  /** Whether some tab has loaded it: such models are not evicted. */
  readonly isInUse: boolean
  readonly usedAt: Date
}

/** How much the origin keeps. */
export interface StorageUsage {
  /** Bytes of all models. */
  readonly models: number
  /** Bytes of all that the origin keeps, and how many it may, where the browser tells. */
  readonly used?: number | undefined
  readonly quota?: number | undefined
  /** Whether the browser has promised not to evict it. */
  readonly isPersistent: boolean
}

/** The models that are kept on this device. */
export interface ModelStorage {
  /** Every variant of a model that is kept, complete or not. */
  list(): Promise<StoredModel[]>
  /** Bytes of the models, and of all that the origin keeps. */
  usage(): Promise<StorageUsage>
  /**
   * Removes all versions and variants of a model. One that is loaded goes on running.
   *
   * @returns Bytes that were freed.
   */
  remove(id: string): Promise<number>
  /** Removes all models. */
  clear(): Promise<void>
  /** Asks the browser to keep what is here when room gets scarce; some ask the visitor. Without it: whether it does. */
  persist(): Promise<boolean>
}

export function createModelStorage(store: ModelStore, inUse: ModelsInUse): ModelStorage {
  const total = async () => (await store.files()).reduce((sum, file) => sum + keptBytes(file), 0)
  const removeAll = async (isWanted: (id: string) => boolean) => {
    const models = await store.models()
    await store.removeModels(models.filter(({ id }) => isWanted(id)).map(modelKey))
  }
  return {
    list: async () => {
      const [models, files, used] = await Promise.all([store.models(), store.files(), inUse.list()])
      return models.map((model) => {
        const { id, version, variant, usedAt } = model
        const here = files.filter(({ key }) => model.files.includes(key))
        return {
          id,
          version,
          variant,
          bytes: here.reduce((sum, file) => sum + keptBytes(file), 0),
          isComplete: model.files.every((key) => here.some((file) => file.key === key && file.sha256)),
          isInUse: used.has(modelKey(model)),
          usedAt: new Date(usedAt),
        }
      })
    },
    usage: async () => {
      const told = await navigator.storage?.estimate().catch(() => undefined)
      const isPersistent = (await navigator.storage?.persisted().catch(() => false)) ?? false
      return { models: await total(), used: told?.usage, quota: told?.quota, isPersistent }
    },
    remove: async (wanted) => {
      const before = await total()
      await removeAll((id) => id === wanted)
      return before - (await total())
    },
    clear: async () => {
      await removeAll(() => true)
      await store.removeFiles((await store.files()).map(({ key }) => key))
    },
    persist: async () => (await navigator.storage?.persist().catch(() => false)) ?? false,
  }
}

/** Asks for persistence where that bothers nobody: a browser that would ask the visitor is left alone. */
export async function persistQuietly(): Promise<void> {
  const { permissions, storage } = navigator
  try {
    const { state } = await permissions.query({ name: 'persistent-storage' })
    if (state === 'granted' && !(await storage.persisted())) await storage.persist()
  } catch {
    // Plain http has no such storage, and some browsers no such permission.
  }
}

import { isRuntime, type ModelStore, modelKey, storedBytes } from './model-store.ts'
import type { ModelsInUse } from './models-in-use.ts'

/** One variant of a model in this browser's storage for the page's origin. */
export interface StoredModel {
  readonly id: string
  readonly version: string
  readonly variant: string
  /** Bytes of its files that are stored. */
  readonly bytes: number
  /** Whether all its files are stored. If not, the next load resumes the download. */
  readonly isComplete: boolean
  /** Whether a tab has loaded it. Such models are not evicted. */
  readonly isInUse: boolean
  readonly usedAt: Date
}

/** How much the origin keeps. */
export interface StorageUsage {
  /** Bytes of all models, without the runtime's. */
  readonly models: number
  /** Bytes that the origin stores in total, and its quota, where the browser reports them. */
  readonly used?: number | undefined
  readonly quota?: number | undefined
  /** Whether the browser has promised not to evict the origin's storage. */
  readonly isPersistent: boolean
}

/** The models that are stored on this device. */
export interface ModelStorage {
  /** Every variant of a model that is kept, complete or not. */
  list(): Promise<StoredModel[]>
  /** Bytes of the models, and of all that the origin keeps. */
  usage(): Promise<StorageUsage>
  /**
   * Removes all versions and variants of a model, and the vectors that it has made for `<spillway-search>`. A loaded model
   * keeps running.
   *
   * @returns The bytes that were freed.
   */
  remove(id: string): Promise<number>
  /** Removes all models with their vectors, and the runtime. */
  clear(): Promise<void>
  /**
   * Asks the browser not to evict the origin's storage. Some browsers ask the visitor.
   *
   * @returns Whether the browser agreed.
   */
  persist(): Promise<boolean>
}

/** What models have made of texts, and what is kept of it. */
export interface DerivedVectors {
  /** @returns The bytes that were freed. */
  remove(id: string): Promise<number>
  clear(): Promise<void>
}

export function createModelStorage(
  store: ModelStore,
  inUse: ModelsInUse,
  vectors: DerivedVectors,
): ModelStorage {
  const total = async () => {
    const [models, files] = await Promise.all([store.models(), store.files()])
    const ofRuntime = models.filter(isRuntime).flatMap((runtime) => runtime.files)
    return files.reduce((sum, file) => sum + (ofRuntime.includes(file.key) ? 0 : storedBytes(file)), 0)
  }
  const removeWhere = async (matches: (id: string) => boolean) => {
    const models = await store.models()
    await store.removeModels(models.filter(({ id }) => matches(id)).map(modelKey))
  }
  return {
    list: async () => {
      const [models, files, used] = await Promise.all([store.models(), store.files(), inUse.list()])
      return models
        .filter((model) => !isRuntime(model))
        .map((model) => {
          const { id, version, variant, usedAt } = model
          const stored = files.filter(({ key }) => model.files.includes(key))
          return {
            id,
            version,
            variant,
            bytes: stored.reduce((sum, file) => sum + storedBytes(file), 0),
            isComplete: model.files.every((key) => stored.some((file) => file.key === key && file.sha256)),
            isInUse: used.has(modelKey(model)),
            usedAt: new Date(usedAt),
          }
        })
    },
    usage: async () => {
      const estimate = await navigator.storage?.estimate().catch(() => undefined)
      const isPersistent = (await navigator.storage?.persisted().catch(() => false)) ?? false
      return { models: await total(), used: estimate?.usage, quota: estimate?.quota, isPersistent }
    },
    remove: async (removed) => {
      const before = await total()
      await removeWhere((id) => id === removed)
      return before - (await total()) + (await vectors.remove(removed))
    },
    clear: async () => {
      await removeWhere(() => true)
      await vectors.clear()
      await store.removeFiles((await store.files()).map(({ key }) => key))
    },
    // A worker's storage has no `persist`: only a page may ask.
    persist: async () => (await navigator.storage?.persist?.().catch(() => false)) ?? false,
  }
}

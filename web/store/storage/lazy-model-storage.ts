import type { Clock } from '../../../models/async/clock.ts'
import { importOnce } from '../../../models/async/import-code.ts'
import type { DerivedVectors, ModelStorage } from './model-storage.ts'
import type { ModelStore } from './model-store.ts'

/** Imports the storage's code when it is asked: most pages never do. */
export function createLazyModelStorage(
  clock: Clock,
  store: ModelStore,
  openVectors: () => Promise<DerivedVectors>,
): ModelStorage {
  const load = importOnce(clock, 'storage', async () => {
    const [{ createModelStorage }, { createModelsInUse }, vectors] = await Promise.all([
      import('./model-storage.ts'),
      import('./models-in-use.ts'),
      openVectors(),
    ])
    return createModelStorage(store, createModelsInUse(), vectors)
  })
  return {
    list: async () => (await load()).list(),
    usage: async () => (await load()).usage(),
    remove: async (id) => (await load()).remove(id),
    clear: async () => (await load()).clear(),
    persist: async () => (await load()).persist(),
  }
}

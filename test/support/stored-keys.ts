import type { Page } from 'playwright-core'
import { expect } from 'vitest'

/** The keys of a page's store of models in IndexedDB. */
export const storedKeys = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const settled = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const database = await settled(indexedDB.open('spillway'))
    const keys = await settled(database.transaction('models').objectStore('models').getAllKeys())
    database.close()
    return keys.map(String)
  })

/** Waits until the store has written ONNX Runtime beside the one file of a model: an answer does not wait for that. */
export const runtimeStored = (page: Page): Promise<void> =>
  expect.poll(async () => (await storedKeys(page)).filter((key) => key.startsWith('file:'))).toHaveLength(2)

import { wrap } from 'comlink'
import { chunkBytes } from '../../../web/store/storage/model-store.ts'
import { storeFiles } from '../../../web/store/worker/store-files.ts'
import { StoreWorker } from '../../../web/store/worker/store-worker.ts'
import { createWorker } from '../../../workers/host/lane-client/browser/create-worker.ts'
import type { StoreBenchApi } from './store-worker.ts'
import workerUrl from './store-worker.ts?worker&url'
import { time } from './time.ts'

/** A file on a server of the bench. */
export interface BenchFile {
  readonly href: string
  readonly sha256: string
  readonly size: number
}

const startBare = () => {
  const { worker, terminate } = createWorker(new URL(workerUrl, import.meta.url), 'bench', storeFiles())
  return { api: wrap<StoreBenchApi>(worker), end: terminate }
}

/** Loads a model's bytes as the product does. */
const loadFiles = async (store: StoreWorker, { href, sha256, size }: BenchFile) => {
  const request = () => ({ url: new URL(href) })
  const file = { path: 'file', key: { sha256 }, size, request }
  const model = { id: sha256, version: '1', variant: 'fp32' }
  const [bytes] = await store.loadFiles({ model, files: [file] })
  if (bytes?.byteLength !== size) throw new Error(`${bytes?.byteLength} bytes came`)
}

/** From the store into a session's bytes, against only reading the chunks. */
export async function storeLoad(file: BenchFile, rounds: number) {
  const store = new StoreWorker()
  const { api, end } = startBare()
  await loadFiles(store, file)
  await api.loadFiles(file)
  await api.download(file.href)
  const times = { ours: [] as number[], indexedDb: [] as number[], theirs: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    times.theirs.push(await time(() => api.read(Math.ceil(file.size / chunkBytes))))
    times.ours.push(await time(() => loadFiles(store, file)))
    times.indexedDb.push(await time(() => api.loadFiles(file)))
  }
  store.close()
  end()
  return times
}

/** Loads a stored file once, so that memory can be measured. @param isPlain Whether from the store limited to IndexedDB. */
export async function storeLoadOnce(file: BenchFile, isPlain: boolean) {
  if (isPlain) {
    const { api, end } = startBare()
    await api.loadFiles(file)
    return end()
  }
  const store = new StoreWorker()
  await loadFiles(store, file)
  store.close()
}

/** Downloads, verifies and stores a file, against fetching and then writing it. Each round has a new file. */
export async function storeDownload(file: BenchFile) {
  const store = new StoreWorker()
  const { api, end } = startBare()
  const theirs = await time(() => api.download(file.href))
  const ours = await time(() => loadFiles(store, file))
  store.close()
  end()
  return { ours, theirs }
}

/** A second visit, against the Cache API as @huggingface/transformers uses it. */
export async function storePeers(file: BenchFile, rounds: number) {
  const store = new StoreWorker()
  await loadFiles(store, file)
  const cache = await caches.open('transformers-cache')
  await cache.put(file.href, await fetch(file.href))
  const read = async () => {
    const response = await (await caches.open('transformers-cache')).match(file.href)
    const bytes = new Uint8Array((await response?.arrayBuffer()) ?? [])
    if (bytes.length !== file.size) throw new Error(`${bytes.length} bytes came`)
  }
  const times = { ours: [] as number[], theirs: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    times.ours.push(await time(() => loadFiles(store, file)))
    times.theirs.push(await time(read))
  }
  store.close()
  return times
}

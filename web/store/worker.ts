/** The store's worker: it downloads, hashes, writes and reads, so that the page's thread does not. */
import { expose, type ProxyMarked, type Remote, releaseProxy, transfer } from 'comlink'
import { systemClock as clock } from '../../workers/clock.ts'
import { outcome, unwrap } from '../../workers/lane/outcome.ts'
import { openDigestFor } from './digest-worker.ts'
import { createModelsInUse } from './in-use.ts'
import { createIndexedDbStore } from './indexeddb.ts'
import { createMemoryStore } from './memory.ts'
import { obtainModel } from './obtain.ts'
import { openOpfs } from './opfs.ts'
import type { ObtainRequest, ObtainWatcher } from './protocol.ts'
import type { FileSource } from './source.ts'
import type { ModelStore } from './store.ts'

const inUse = createModelsInUse()
const openDigest = openDigestFor(clock)
const aborts = new Map<number, AbortController>()

let opened: Promise<ModelStore> | undefined
const openStore = () => {
  opened ??= (async () => {
    const store = createIndexedDbStore({ clock, opfs: openOpfs('spillway') })
    return (await store.isUsable()) ? store : createMemoryStore()
  })()
  return opened
}

async function obtain(
  { id, model, files }: ObtainRequest,
  watcher: Remote<ObtainWatcher & ProxyMarked>,
): Promise<ArrayBuffer[]> {
  const controller = new AbortController()
  aborts.set(id, controller)
  const sources = files.map(
    (file, index): FileSource => ({
      ...file,
      request: async () => {
        const { href, headers } = unwrap(await watcher.request(index))
        return { url: new URL(href), headers }
      },
    }),
  )
  let told: Promise<void> | undefined
  try {
    const obtained = await obtainModel(
      { model, files: sources },
      {
        store: await openStore(),
        openDigest,
        inUse,
        clock,
        signal: controller.signal,
        onProgress: (progress) => {
          told = watcher.progress(progress)
        },
      },
    )
    // The reply goes another way, and must not overtake the last of it.
    await told
    return obtained
  } finally {
    aborts.delete(id)
    watcher[releaseProxy]()
  }
}

expose({
  obtain: async (request: ObtainRequest, watcher: Remote<ObtainWatcher & ProxyMarked>) => {
    const reply = await outcome(() => obtain(request, watcher))
    return reply.ok ? transfer(reply, reply.value) : reply
  },
  abort: (id: number) => aborts.get(id)?.abort(),
})

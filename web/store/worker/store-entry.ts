/** The store's worker: it downloads, hashes, writes and reads, away from the page's thread. */
import { expose, type ProxyMarked, type Remote, releaseProxy, transfer } from 'comlink'
import { systemClock as clock } from '../../../models/async/clock.ts'
import { outcome, unwrap } from '../../../models/async/outcome.ts'
import { filesOf } from '../../../workers/protocol/worker-files.ts'
import type { FileSource } from '../download/file-source.ts'
import { openDigestFor } from '../download/sha256-digest-worker.ts'
import { loadRuntime } from '../runtime/load-runtime.ts'
import { runtimeFile } from '../runtime/runtime-file.ts'
import { SideDownload } from '../runtime/side-download.ts'
import { createIndexedDbStore } from '../storage/indexeddb-store.ts'
import { createMemoryStore } from '../storage/memory-store.ts'
import type { ModelStore } from '../storage/model-store.ts'
import { createModelsInUse } from '../storage/models-in-use.ts'
import { openOpfs } from '../storage/opfs.ts'
import { loadFiles } from './load-files.ts'
import type { LoadFilesRequest, LoadFilesWatcher } from './protocol.ts'
import type { StoreFiles } from './store-files.ts'

const inUse = createModelsInUse()
const files = filesOf<StoreFiles>(location.hash)
const openDigest = openDigestFor(clock, files.digest)
const aborts = new Map<number, AbortController>()

let opened: Promise<ModelStore> | undefined
const openStore = () => {
  opened ??= (async () => {
    const store = createIndexedDbStore({ clock, opfs: openOpfs('spillway'), reader: files.reader })
    return (await store.isUsable()) ? store : createMemoryStore()
  })()
  return opened
}

/** A lane that cannot start is tried again at once: a load that failed is not. */
const retryMs = 2_000

let runtime: SideDownload<WebAssembly.Module> | undefined
/** Loads the runtime once; again some time after a failure. */
function openRuntime(): SideDownload<WebAssembly.Module> {
  if (runtime) return runtime
  const opened = new SideDownload<WebAssembly.Module>(async (download) =>
    loadRuntime(runtimeFile(files.runtime), { store: await openStore(), openDigest, inUse, clock }, download),
  )
  const forget = () => {
    runtime = undefined
  }
  opened.result.catch(() => clock.after(retryMs, forget))
  runtime = opened
  return opened
}

async function load(
  { id, model, files, needsRuntime }: LoadFilesRequest,
  watcher: Remote<LoadFilesWatcher & ProxyMarked>,
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
  let reported: Promise<void> | undefined
  try {
    const loaded = await loadFiles(
      { model, files: sources },
      {
        store: await openStore(),
        openDigest,
        inUse,
        clock,
        signal: controller.signal,
        runtime: needsRuntime ? openRuntime() : undefined,
        onProgress: (progress) => {
          reported = watcher.progress(progress)
        },
      },
    )
    // The reply takes another way, and must not overtake the last report.
    await reported
    return loaded
  } finally {
    aborts.delete(id)
    watcher[releaseProxy]()
  }
}

expose({
  loadFiles: async (request: LoadFilesRequest, watcher: Remote<LoadFilesWatcher & ProxyMarked>) => {
    const reply = await outcome(() => load(request, watcher))
    return reply.ok ? transfer(reply, reply.value) : reply
  },
  abort: (id: number) => aborts.get(id)?.abort(),
  loadRuntime: () => outcome(() => openRuntime().result),
})

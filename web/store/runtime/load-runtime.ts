import type { Clock } from '../../../models/async/clock.ts'
import { fetchVerified } from '../../../models/async/fetch-verified.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { keyText } from '../download/file-source.ts'
import type { OpenDigest } from '../download/sha256-digest.ts'
import { evictFor } from '../storage/model-eviction.ts'
import { isRuntime, type ModelStore, modelKey } from '../storage/model-store.ts'
import type { ModelsInUse } from '../storage/models-in-use.ts'
import { loadFile } from '../worker/load-file.ts'
import { compressedShare, type RuntimeFile } from './runtime-file.ts'
import type { SideDownload } from './side-download.ts'

export interface LoadRuntimeOptions {
  readonly store: ModelStore
  readonly openDigest: OpenDigest
  readonly inUse: ModelsInUse
  readonly clock: Clock
}

/**
 * ONNX Runtime's WebAssembly, verified and compiled: from the store, else downloaded and stored. Lanes of one page share
 * the compiled module, and its memory. Where that fails it is fetched as any file of the page, through the HTTP cache.
 *
 * @throws SpillwayError As `loadFile`; WebAssembly's error where the browser cannot compile it.
 */
export async function loadRuntime(
  runtime: RuntimeFile,
  options: LoadRuntimeOptions,
  download: SideDownload,
): Promise<WebAssembly.Module> {
  try {
    return await loadStored(runtime, options, download)
  } catch (cause) {
    if (cause instanceof WebAssembly.CompileError || isAltered(cause)) throw cause
    const { url, sha256 } = runtime
    const bytes = await fetchVerified(url, sha256, options.clock).catch(() => {
      throw cause
    })
    download.report(download.totalBytes, download.totalBytes)
    return WebAssembly.compile(bytes)
  }
}

const isAltered = (cause: unknown) => cause instanceof SpillwayError && cause.code === 'file_altered'

/** Compiling does not wait until the store has written it. */
async function loadStored(
  runtime: RuntimeFile,
  { store, openDigest, inUse, clock }: LoadRuntimeOptions,
  download: SideDownload,
): Promise<WebAssembly.Module> {
  const { record, file } = runtime
  const isStored = (await store.locationOf(file.size)) !== 'memory'
  if (isStored) {
    inUse.add(modelKey(record))
    await store.putModel({ ...record, files: [await keyText(file.key)], usedAt: Date.now() })
  }
  return new Promise<WebAssembly.Module>((resolve, reject) => {
    let sentBytes: number | undefined = file.size * compressedShare
    let isDownloaded = false
    let isVerified = false
    const loaded = loadFile(file, {
      store,
      openDigest,
      clock,
      // A store in memory ends with the page, which keeps the module itself.
      evictFor: async (bytes, isFull) => isStored && evictFor(store, inUse, bytes, isFull),
      onDownload: () => {
        isDownloaded = true
        download.report(0, file.size * compressedShare)
      },
      onResponse: (response) => {
        sentBytes = response.sentBytes
      },
      onBytes: (received, stored) => {
        if (!isDownloaded) return
        const missing = file.size - stored
        const total = sentBytes ?? missing
        download.report(missing === 0 ? total : ((received - stored) / missing) * total, total)
      },
      onVerified: (bytes) => {
        isVerified = true
        WebAssembly.compile(bytes).then(resolve, reject)
      },
    })
    // The bytes are good where the store only fails to write them.
    loaded.catch((cause: unknown) => {
      if (!isVerified) reject(cause)
    })
    if (isStored) loaded.then(() => removeOthers(runtime, store, inUse)).catch(() => undefined)
  })
}

/** Removes the runtimes of former versions that no open tab uses. */
async function removeOthers(runtime: RuntimeFile, store: ModelStore, inUse: ModelsInUse): Promise<void> {
  const used = await inUse.list()
  const runtimes = (await store.models()).filter(isRuntime).map(modelKey)
  const current = modelKey(runtime.record)
  await store.removeModels(runtimes.filter((key) => key !== current && !used.has(key)))
}

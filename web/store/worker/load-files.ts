import { withAbort } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { DownloadRate } from '../download/download-rate.ts'
import { type FileSource, keyText } from '../download/file-source.ts'
import type { OpenDigest } from '../download/sha256-digest.ts'
import type { SideDownload } from '../runtime/side-download.ts'
import { evictFor } from '../storage/model-eviction.ts'
import { type ModelRecord, type ModelStore, modelKey } from '../storage/model-store.ts'
import type { ModelsInUse } from '../storage/models-in-use.ts'
import { loadFile } from './load-file.ts'

/**
 * How much is loaded of what a model needs: its files, and ONNX Runtime (3 to 7 MB) where the page has to download it.
 * Bytes are counted as the network carries them. A runtime that comes from the store is not counted.
 */
export interface Progress {
  /** Bytes that are loaded, from the store or the network. */
  readonly loadedBytes: number
  /** Until the runtime's download has begun, its share is an estimate. */
  readonly totalBytes: number
  /** Of `loadedBytes`, those from the store. */
  readonly storedBytes: number
  /** From the network, over the last seconds; absent without a rate yet. */
  readonly bytesPerSecond?: number | undefined
  /** The time for the rest at that rate. */
  readonly remainingMs?: number | undefined
  /** False if the browser has no space for the files or stores nothing. The next visit then downloads them again. */
  readonly isKept: boolean
}

/** The files of one variant of a model. */
export interface ModelFiles {
  readonly model: Pick<ModelRecord, 'id' | 'version' | 'variant'>
  readonly files: readonly FileSource[]
}

export interface LoadFilesOptions {
  readonly store: ModelStore
  readonly openDigest: OpenDigest
  readonly inUse: ModelsInUse
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** The runtime's download: it is counted and waited for where it is not done yet. */
  readonly runtime?: SideDownload | undefined
}

/** Between two progress reports. A bar that moves more often looks no smoother. */
const reportMs = 50

/**
 * The verified bytes of a model's files, in their order.
 *
 * @throws SpillwayError As `loadFile`, for the runtime's file as well.
 */
export async function loadFiles(
  { model, files }: ModelFiles,
  options: LoadFilesOptions,
): Promise<ArrayBuffer[]> {
  const { store, openDigest, inUse, clock, signal, onProgress } = options
  const runtime = options.runtime?.isDone ? undefined : options.runtime
  const keys = await Promise.all(files.map(({ key }) => keyText(key)))
  inUse.add(modelKey(model))
  // Before its files, so that the chunks of a download that never completes belong to a model and are evicted with it.
  // `usedAt` is a date of the calendar, since it is compared between visits; the injected clock starts with each page.
  await store.putModel({ ...model, files: keys, usedAt: Date.now() })

  const progress = files.map(() => ({ loaded: 0, stored: 0 }))
  const sizes = files.map(({ size }) => size)
  const rate = new DownloadRate()
  let isKept = (await store.locationOf(0)) !== 'memory'
  let reportedAt = Number.NEGATIVE_INFINITY
  let cancelReport: (() => void) | undefined
  const report = () => {
    cancelReport?.()
    cancelReport = undefined
    const now = clock.now()
    reportedAt = now
    const runtimeBytes = runtime?.loadedBytes ?? 0
    const loadedBytes = sum(progress.map(({ loaded }) => loaded)) + runtimeBytes
    const storedBytes = sum(progress.map(({ stored }) => stored))
    const filesBytes = sum(progress.map(({ loaded }, index) => Math.max(loaded, sizes[index] ?? 0)))
    const totalBytes = filesBytes + (runtime?.totalBytes ?? 0)
    rate.add(now, loadedBytes - storedBytes)
    const bytesPerSecond = rate.perSecond
    const remainingMs = bytesPerSecond && ((totalBytes - loadedBytes) / bytesPerSecond) * 1000
    onProgress?.({ loadedBytes, totalBytes, storedBytes, bytesPerSecond, remainingMs, isKept })
  }
  /** Reports now or when the next report is due, so that the last bytes before a stall are reported as well. */
  const reportSoon = () => {
    const dueMs = reportedAt + reportMs - clock.now()
    if (dueMs <= 0) report()
    else cancelReport ??= clock.after(dueMs, report)
  }

  const loadedFiles: ArrayBuffer[] = []
  const stopListening = runtime?.onReport(reportSoon)
  report()
  try {
    for (const [index, file] of files.entries()) {
      const loadedFile = await loadFile(file, {
        store,
        openDigest,
        clock,
        signal,
        evictFor: (bytes, isFull) => evictFor(store, inUse, bytes, isFull),
        onBytes: (loaded, stored) => {
          progress[index] = { loaded, stored }
          reportSoon()
        },
      })
      isKept &&= loadedFile.isKept
      sizes[index] = loadedFile.bytes.byteLength
      loadedFiles.push(loadedFile.bytes)
      report()
    }
    if (runtime) {
      await withAbort(signal, runtime.result)
      report()
    }
    return loadedFiles
  } finally {
    stopListening?.()
    cancelReport?.()
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

import type { Clock } from '../../../models/async/clock.ts'
import type { OpenDigest } from '../download/digest.ts'
import { keyText } from '../download/file-key.ts'
import type { FileSource } from '../download/file-source.ts'
import { DownloadRate } from '../download/rate.ts'
import { makeRoom } from '../storage/eviction.ts'
import { type ModelRecord, type ModelStore, modelKey } from '../storage/model-store.ts'
import type { ModelsInUse } from '../storage/models-in-use.ts'
import { loadFile } from './load-file.ts'

/** How far a model's files have come: one number for all of them. */
export interface Progress {
  /** Bytes that are here, from the store or the network. */
  readonly loadedBytes: number
  readonly totalBytes: number
  /** Of `loadedBytes`, those that the store had. */
  readonly storedBytes: number
  /** From the network, over the last seconds; absent while there is nothing to tell. */
  readonly bytesPerSecond?: number | undefined
  /** Until all is here at that rate, in milliseconds. */
  readonly remainingMs?: number | undefined
  /** False where the browser has no room for the files or keeps nothing: the next visit downloads them again. */
  readonly isKept: boolean
}

/** Which files to obtain, and for which model they are kept. */
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
}

/** Milliseconds between two reports: a bar that moves more often looks no smoother. */
const reportMs = 50

/** The verified bytes of a model's files, in their order. */
export async function loadFiles(
  { model, files }: ModelFiles,
  options: LoadFilesOptions,
): Promise<ArrayBuffer[]> {
  const { store, openDigest, inUse, clock, signal, onProgress } = options
  const keys = await Promise.all(files.map(({ key }) => keyText(key)))
  inUse.add(modelKey(model))
  // Before its files: what is kept of a download that never ends belongs to a model, and is evicted with it.
  await store.putModel({ ...model, files: keys, usedAt: Date.now() })

  const here = files.map(() => ({ loaded: 0, stored: 0 }))
  const sizes = files.map(({ size }) => size)
  const rate = new DownloadRate()
  let isKept = true
  let reportedAt = Number.NEGATIVE_INFINITY
  let cancelDue: (() => void) | undefined
  const report = () => {
    cancelDue?.()
    cancelDue = undefined
    const now = clock.now()
    reportedAt = now
    const loadedBytes = sum(here.map(({ loaded }) => loaded))
    const storedBytes = sum(here.map(({ stored }) => stored))
    const totalBytes = sum(here.map(({ loaded }, index) => Math.max(loaded, sizes[index] ?? 0)))
    rate.add(now, loadedBytes - storedBytes)
    const bytesPerSecond = rate.perSecond
    const remainingMs = bytesPerSecond && ((totalBytes - loadedBytes) / bytesPerSecond) * 1000
    onProgress?.({ loadedBytes, totalBytes, storedBytes, bytesPerSecond, remainingMs, isKept })
  }
  /** The last bytes before a standstill are told, too. */
  const reportSoon = () => {
    const dueMs = reportedAt + reportMs - clock.now()
    if (dueMs <= 0) report()
    else cancelDue ??= clock.after(dueMs, report)
  }

  const loaded: ArrayBuffer[] = []
  report()
  for (const [index, file] of files.entries()) {
    const taken = await loadFile(file, {
      store,
      openDigest,
      clock,
      signal,
      makeRoom: (bytes, isFull) => makeRoom(store, inUse, bytes, isFull),
      onBytes: (loaded, stored) => {
        here[index] = { loaded, stored }
        reportSoon()
      },
    }).finally(() => cancelDue?.())
    isKept &&= taken.isKept
    sizes[index] = taken.bytes.byteLength
    loaded.push(taken.bytes)
    report()
  }
  return loaded
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

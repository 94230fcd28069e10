import { type FileSpec, SpillwayError } from '../../models/index.ts'
import type { Clock } from '../../workers/clock.ts'
import { download } from './download.ts'
import type { FileSource } from './source.ts'
import type { ModelStore } from './store.ts'

/** How far a model's files have come. */
export interface Progress {
  /** Bytes that are here, from the store or the network. */
  readonly loadedBytes: number
  readonly totalBytes: number
  /** Of `loadedBytes`, those that came from the store. */
  readonly storedBytes: number
}

export interface ObtainOptions {
  readonly store: ModelStore
  /** Where a file comes from. */
  readonly sourceOf: (file: FileSpec) => FileSource
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** The verified bytes of files in their order: from the store, else fetched and stored. */
export async function obtainFiles(
  wanted: readonly FileSpec[],
  options: ObtainOptions,
): Promise<ArrayBuffer[]> {
  const { store, onProgress } = options
  const totalBytes = wanted.reduce((sum, { size }) => sum + size, 0)
  let done = 0
  let storedBytes = 0
  const report = (current: number) => onProgress?.({ loadedBytes: done + current, totalBytes, storedBytes })
  const files: ArrayBuffer[] = []
  report(0)
  for (const file of wanted) {
    const stored = await store.readFile(file)
    if (stored) {
      storedBytes += file.size
      files.push(stored)
    } else {
      files.push(await fetchFile(file, options, report))
    }
    done += file.size
    report(0)
  }
  return files
}

/** Bytes that came wrong are asked for once more, past the browser's cache. */
async function fetchFile(
  file: FileSpec,
  { store, sourceOf, clock, signal }: ObtainOptions,
  onBytes: (received: number) => void,
): Promise<ArrayBuffer> {
  const attempt = async (fresh: boolean) => {
    const bytes = await download(await sourceOf(file).request(), file, {
      clock,
      signal,
      onBytes,
      fresh,
    })
    await store.writeFile(file, bytes)
    return bytes
  }
  try {
    return await attempt(false)
  } catch (cause) {
    const wrong =
      cause instanceof SpillwayError && (cause.code === 'file_altered' || cause.code === 'file_truncated')
    if (!wrong) throw cause
    return await attempt(true)
  }
}

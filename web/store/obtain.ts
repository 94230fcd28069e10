import { type FileSpec, type Manifest, modelFile, SpillwayError, type Variant } from '../../models/index.ts'
import type { Clock } from '../../workers/clock.ts'
import { download } from './download.ts'
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
  /** Where `models/…` lies. */
  readonly base: URL
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** The verified bytes of a variant's files in the manifest's order: from the store, else fetched and stored. */
export async function obtainFiles(
  manifest: Manifest,
  variant: Variant,
  options: ObtainOptions,
): Promise<ArrayBuffer[]> {
  const { store, onProgress } = options
  const totalBytes = variant.files.reduce((sum, { size }) => sum + size, 0)
  let done = 0
  let storedBytes = 0
  const report = (current: number) => onProgress?.({ loadedBytes: done + current, totalBytes, storedBytes })
  const files: ArrayBuffer[] = []
  report(0)
  for (const file of variant.files) {
    const stored = await store.readFile(file)
    if (stored) {
      storedBytes += file.size
      files.push(stored)
    } else {
      files.push(await fetchFile(manifest, file, options, report))
    }
    done += file.size
    report(0)
  }
  return files
}

/** Bytes that came wrong are asked for once more, past the browser's cache. */
async function fetchFile(
  manifest: Manifest,
  file: FileSpec,
  { store, base, clock, signal }: ObtainOptions,
  onBytes: (received: number) => void,
): Promise<ArrayBuffer> {
  const attempt = async (fresh: boolean) => {
    const bytes = await download(new URL(modelFile(manifest.id, file), base), file, {
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

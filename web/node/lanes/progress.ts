import type { Clock } from '../../../models/async/clock.ts'
import { DownloadRate } from '../../store/download/download-rate.ts'
import type { FileSource } from '../../store/download/file-source.ts'
import type { Progress } from '../../store/worker/load-files.ts'

/** Milliseconds between two reports of a file that is not complete. */
const reportMs = 50

/** Reports the bytes of a model's files together. */
export function progressOf(
  files: readonly Pick<FileSource, 'size'>[],
  clock: Clock,
  onProgress: (progress: Progress) => void = () => {},
) {
  const counts = files.map(() => ({ loaded: 0, stored: 0 }))
  const totalBytes = files.reduce((sum, { size = 0 }) => sum + size, 0)
  const rate = new DownloadRate()
  let reportedAt = Number.NEGATIVE_INFINITY
  /** @param stored Of the loaded bytes, those that the folder had. Default: as before. */
  return (index: number, loaded: number, stored = counts[index]?.stored ?? 0): void => {
    counts[index] = { loaded, stored }
    const now = clock.now()
    if (now - reportedAt < reportMs && loaded < (files[index]?.size ?? 0)) return
    reportedAt = now
    const loadedBytes = counts.reduce((sum, count) => sum + count.loaded, 0)
    const storedBytes = counts.reduce((sum, count) => sum + count.stored, 0)
    rate.add(now, loadedBytes - storedBytes)
    const bytesPerSecond = rate.perSecond
    const remainingMs = bytesPerSecond && ((totalBytes - loadedBytes) / bytesPerSecond) * 1000
    onProgress({ loadedBytes, totalBytes, storedBytes, bytesPerSecond, remainingMs, isKept: true })
  }
}

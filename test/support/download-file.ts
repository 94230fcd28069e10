import { systemClock } from '../../models/async/clock.ts'
import type { FileSource } from '../../web/store/download/file-source.ts'
import { openDigest } from '../../web/store/download/sha256-digest.ts'
import type { ModelStore } from '../../web/store/storage/model-store.ts'
import { createModelsInUse } from '../../web/store/storage/models-in-use.ts'
import { loadFiles, type Progress } from '../../web/store/worker/load-files.ts'
import { type FileServer, randomBytes, sha256Of } from './file-server.ts'
import { createManualClock } from './manual-clock.ts'

export const small = randomBytes(100_000)
export const large = randomBytes(50_000_000)

const model = { id: 'a', version: '1', variant: 'fp32' }

/** The file that a server serves, as a model's manifest describes it. */
export const sourceOf = (server: FileServer, change: Partial<FileSource> = {}): FileSource => ({
  path: 'model.onnx',
  key: { sha256: sha256Of(server.bytes) },
  size: server.bytes.length,
  request: () => ({ url: server.url }),
  ...change,
})

/** Loads a model of one file from the store, or downloads it. */
export async function loadFile(
  store: ModelStore,
  file: FileSource,
  {
    signal,
    clock = systemClock,
    progress = [],
  }: { signal?: AbortSignal; clock?: typeof systemClock; progress?: Progress[] } = {},
) {
  const [bytes] = await loadFiles(
    { model, files: [file] },
    {
      store,
      openDigest,
      inUse: createModelsInUse(),
      clock,
      signal,
      onProgress: (current) => progress.push(current),
    },
  )
  return { bytes: Buffer.from(bytes ?? new ArrayBuffer(0)), progress }
}

/** A clock that runs fifty times as fast, so that delays cost next to nothing. */
export async function accelerated<T>(work: (clock: typeof systemClock) => Promise<T>): Promise<T> {
  const clock = createManualClock()
  const timer = setInterval(() => clock.advance(50), 1)
  try {
    return await work(clock)
  } finally {
    clearInterval(timer)
  }
}

import { closed } from '../../workers/host/scheduler/errors.ts'
import type { Platform } from '../api/platform.ts'
import { Calibrations } from '../device/calibration/calibrations.ts'
import type { Capacity } from '../device/capacity.ts'
import { createMemoryStore } from '../store/storage/memory-store.ts'
import { fetchFiles } from './fetch-files.ts'
import { serverKeyHeaders } from './server-key-headers.ts'

/** Nothing can run a model: `workers` is the first thing that placement finds missing. */
const capacity: Capacity = {
  gpu: null,
  wasm: { simd: true, jspi: false, threads: 1 },
  workers: false,
  memoryBudget: 0,
  storage: null,
}

/** A program without lanes: all requests go to the server. Nothing of a browser or of Node is touched. */
export const withoutDevice: Platform = {
  openDevice: ({ clock }) => {
    const closing = new AbortController()
    return {
      memoryBytes: 0,
      probe: async () => capacity,
      store: createMemoryStore(),
      files: {
        loadFiles: ({ files }, signal) => {
          if (closing.signal.aborted) return Promise.reject(closed())
          const ends = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal
          return fetchFiles(clock, files, ends)
        },
        close: () => closing.abort(),
      },
      calibrations: new Calibrations(
        { read: async () => undefined, write: async () => undefined },
        async () => '',
      ),
      layouts: () => [],
      startLane: () => {
        throw closed()
      },
    }
  },
  keyHeaders: (_server, key) => serverKeyHeaders(key),
  importModelCode: () => import('./model-code.ts'),
}

import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { cwd } from 'node:process'
import { pathToFileURL } from 'node:url'
import type { Clock } from '../../../models/async/clock.ts'
import { machineMemory } from '../../../workers/host/lane-client/node/machine.ts'
import { startProcessLane } from '../../../workers/host/lane-client/node/start-process-lane.ts'
import { processLayouts } from '../../../workers/host/pool/lane-layout.ts'
import type { Platform } from '../../api/platform.ts'
import { Calibrations } from '../../device/calibration/calibrations.ts'
import { createMemoryStore } from '../../store/storage/memory-store.ts'
import { serverKeyHeaders } from '../server-key-headers.ts'
import { createFolderStorage } from './folder-storage.ts'
import { FolderStore } from './folder-store.ts'
import { listLocal, openLocal } from './local-sources.ts'
import { ModelFolders } from './model-folders.ts'

export interface LanesOptions {
  /** The script of a lane. */
  readonly lane: URL
  /** The folder of downloaded models. */
  readonly cache: string
  readonly clock: Clock
}

/** Of the machine's memory, the part that is for models unless the program says otherwise: it has other work as well. */
const memoryShare = 0.5

/** A program in Node: its lanes are processes with onnxruntime-node, as the server's, and files stay in a folder. */
export const createLanesPlatform = ({ lane, cache, clock }: LanesOptions): Platform => {
  const folders = new ModelFolders(cache)
  const files = new FolderStore(folders, clock)
  return {
    base: pathToFileURL(join(cwd(), '/')),
    sources: { open: openLocal, list: listLocal },
    openDevice: ({ memoryBytes = memoryShare * machineMemory(), maxLanes, limits }) => {
      const [layout, ...more] = processLayouts(availableParallelism(), maxLanes)
      return {
        memoryBytes,
        probe: async () => ({
          gpu: null,
          wasm: { simd: true, jspi: false, threads: 1 },
          cpu: { threads: layout?.threads ?? 1 },
          workers: true,
          memoryBudget: memoryBytes,
          storage: null,
        }),
        // Files are kept by `files`, and manifests by the folders.
        store: {
          ...createMemoryStore(0),
          readManifest: (url) => folders.readManifest(url),
          writeManifest: (url, manifest) => folders.writeManifest(url, manifest),
        },
        files,
        storage: createFolderStorage(folders),
        // What runs cost here is learnt anew by each process.
        calibrations: new Calibrations(
          { read: async () => undefined, write: async () => undefined },
          async () => '',
        ),
        layouts: () => (layout ? [layout, ...more] : []),
        startLane: () => startProcessLane(lane, clock, limits),
      }
    },
    keyHeaders: (_server, key) => serverKeyHeaders(key),
    importModelCode: async () => {
      const { adviseBy, ...code } = await import('./model-code.ts')
      return { ...code, advise: adviseBy(files) }
    },
  }
}

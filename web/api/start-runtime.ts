import { systemClock } from '../../models/async/clock.ts'
import { startWorkerLane } from '../../workers/host/lane-client/browser/start-worker-lane.ts'
import { deviceLayouts } from '../device/allowed-lanes.ts'
import { createIndexedDbCalibrations } from '../device/calibration/calibration-store.ts'
import { Calibrations, fingerprintOf } from '../device/calibration/calibrations.ts'
import { memoryBudget, probeCapacity } from '../device/capacity.ts'
import { tokenHeaders } from '../remote/token-headers.ts'
import { createIndexedDbStore } from '../store/storage/indexeddb-store.ts'
import { openOpfs } from '../store/storage/opfs.ts'
import { StoreWorker } from '../store/worker/store-worker.ts'
import { checkKey } from './check-options.ts'
import type { Runtime, RuntimeOptions } from './create-runtime.ts'
import type { Platform } from './platform.ts'
import { warnOfCopies } from './warn-of-copies.ts'
import { startRuntimeOn } from './wire-runtime.ts'

/** A page, or a worker of one: lanes are Web Workers, and files stay in the browser's storage. */
export const browserPlatform: Platform = {
  openDevice: ({ clock, memoryBytes = memoryBudget(), maxLanes, limits, capacity }) => {
    const store = createIndexedDbStore({ clock, opfs: openOpfs('spillway') })
    const files = new StoreWorker()
    return {
      memoryBytes,
      probe: () => probeCapacity(clock, memoryBytes, store.isUsable),
      store,
      files,
      calibrations: new Calibrations(createIndexedDbCalibrations(clock), () =>
        capacity().then(fingerprintOf),
      ),
      layouts: (backend) => deviceLayouts(backend, memoryBytes, maxLanes),
      startLane: (name) =>
        startWorkerLane(`spillway ${name}`, clock, { limits, runtime: () => files.runtime() }),
    }
  },
  keyHeaders: (server, key, clock) => tokenHeaders(server, checkKey(key), clock),
  importModelCode: () => import('./model-code.ts'),
}

/** Creates a runtime synchronously: a global has to exist when the next script runs. */
export function startRuntime(options: RuntimeOptions): Runtime {
  const runtime = startRuntimeOn(browserPlatform, options, systemClock)
  warnOfCopies()
  return runtime
}

import type { Policy } from '../models/index.ts'
import { systemClock } from '../workers/clock.ts'
import { Calibrations } from './calibration/calibrations.ts'
import { fingerprintOf } from './calibration/fingerprint.ts'
import { createIndexedDbCalibrations } from './calibration/store.ts'
import type { Capacity } from './capacity/capacity.ts'
import { deviceLayouts } from './capacity/layouts.ts'
import { memoryBudget, probeCapacity } from './capacity/probe.ts'
import { fetchManifest } from './catalogue.ts'
import { DeviceTier } from './device/device.ts'
import { createModel, type Model, type ModelOptions } from './model.ts'
import { checkPolicy } from './policy.ts'
import { RemoteTier } from './remote/remote.ts'
import { Router } from './router/router.ts'
import { createIndexedDbStore } from './store/indexeddb.ts'

export interface RuntimeOptions {
  /**
   * The folder below which the server tier (`v2/`) and the models (`models/`) are, against the page's address.
   * Default: the page's own root. `null`: models come from the page's root, and no request leaves the device.
   */
  readonly server?: string | URL | null
  /** Where requests may run. Default `auto`. */
  readonly policy?: Policy
}

export interface Runtime {
  /**
   * Makes a model ready to run where the policy places it. Under `auto` the server answers while the device still
   * downloads and loads it; under the others the promise waits for that, where it is the device.
   *
   * @throws SpillwayError `model_unknown`, `manifest_invalid`, or what kept it from every tier that the policy allows.
   */
  model(id: string, options?: ModelOptions): Promise<Model>
  /** What the device can do: the browser is asked once. */
  capacity(): Promise<Capacity>
  /** Where requests go that do not say it themselves; it may be changed at any time. */
  policy: Policy
  /** Ends the workers. Requests that wait are rejected as `closed`. */
  close(): void
}

/** A runtime on this page. It asks the browser what it can do; workers and models start when they are first needed. */
export const createRuntime = async (options: RuntimeOptions = {}): Promise<Runtime> => startRuntime(options)

/** The same at once, for a global that has to be there when the next script runs. */
export function startRuntime(options: RuntimeOptions): Runtime {
  const clock = systemClock
  const base = folder(options.server ?? '/')
  let policy = checkPolicy(options.policy ?? 'auto')
  const capacity = probeCapacity(clock)
  const store = createIndexedDbStore(clock)
  const calibrations = new Calibrations(createIndexedDbCalibrations(clock), capacity.then(fingerprintOf))
  const device = new DeviceTier({
    store,
    base,
    calibrations,
    layouts: deviceLayouts,
    memoryBudget: memoryBudget(),
    clock,
  })
  const remote = options.server === null ? null : new RemoteTier(base, clock)
  const router = new Router({ capacity, device, remote, calibrations, clock })
  // At leisure, and before a phone may end the page.
  const writeBack = () => {
    if (document.visibilityState === 'hidden') void calibrations.writeBack()
  }
  document.addEventListener('visibilitychange', writeBack)

  return {
    capacity: () => capacity,
    get policy() {
      return policy
    },
    set policy(next) {
      policy = checkPolicy(next)
    },
    model: async (id, { signal, onProgress } = {}) => {
      const manifest = await fetchManifest(base, id, { store, clock, signal })
      await calibrations.recall(manifest)
      await router.prepare(manifest, { policy, signal }, onProgress)
      return createModel(manifest, router, () => policy, clock)
    },
    close: () => {
      document.removeEventListener('visibilitychange', writeBack)
      void calibrations.writeBack()
      device.close()
      remote?.close()
    },
  }
}

/** Without the slash at its end, the last part of an address would count as a file and be lost. */
function folder(address: string | URL): URL {
  const url = new URL(address, document.baseURI)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

import { systemClock } from '../../models/async/clock.ts'
import { type Policy, type SiteCatalogue, SpillwayError } from '../../models/core/index.ts'
import type { HubOptions } from '../../models/hub/index.ts'
import { createIndexedDbCalibrations } from '../device/calibration/calibration-store.ts'
import { Calibrations } from '../device/calibration/calibrations.ts'
import { fingerprintOf } from '../device/calibration/fingerprint.ts'
import type { Capacity } from '../device/capacity/capacity.ts'
import { deviceLayouts } from '../device/capacity/layouts.ts'
import { memoryBudget, probeCapacity } from '../device/capacity/probe.ts'
import { DeviceTier } from '../device/device-tier.ts'
import { Router } from '../placement/router.ts'
import { RemoteTier } from '../remote/remote-tier.ts'
import { Catalogue } from '../store/catalogue.ts'
import { createIndexedDbStore } from '../store/storage/indexeddb.ts'
import { createModelStorage, type ModelStorage } from '../store/storage/model-storage.ts'
import { createModelsInUse } from '../store/storage/models-in-use.ts'
import { openOpfs } from '../store/storage/opfs.ts'
import { StoreWorker } from '../store/worker/store-worker.ts'
import { LazyTextService } from '../text/lazy-text-service.ts'
import { createModel, type Model, type ModelOptions } from './model.ts'
import { checkPolicy } from './policy.ts'
import { type RuntimeStats, StatsEmitter, type StatsEvent } from './stats.ts'

export interface RuntimeOptions {
  /**
   * The folder below which the server tier (`v2/`) and, where `models` does not say another, the models are, against
   * the page's address. Default: the page's own root. `null`: there is no server, and no request leaves the device.
   */
  readonly server?: string | URL | null
  /**
   * The folder of models, `ID/manifest.json` each, against the page's address: on any host that serves files.
   * Default: `models/` on the server, else at the page's root.
   */
  readonly models?: string | URL
  /** The Hugging Face hub, for models named `hf:owner/repo@revision`. */
  readonly hub?: HubOptions
  /** Where requests may run. Default `auto`. */
  readonly policy?: Policy
  /**
   * Whether a request is also sent to the other tier when the first is slower than it nearly always is (its p95);
   * the first answer counts, the other is called off. Never under policies `device` and `server`, and for few
   * requests of a hundred. Default `false`.
   */
  readonly hedge?: boolean
  /**
   * The most lanes (workers) of one backend. There are never more than are measured to pay; a page that needs the
   * device's cores for other work may set fewer. Default: what cores and memory allow.
   */
  readonly maxLanes?: number
}

export interface RuntimeEvents {
  readonly stats: StatsEvent
}

export interface Runtime {
  /**
   * Makes a model ready to run where the policy places it. Under `auto` the server answers while the device still
   * downloads and loads it; under the others the promise waits for that, where it is the device.
   *
   * @param source An id in the folder of models, the address of a manifest, or `hf:owner/repo`, with `@revision` for
   * a branch, a tag or a commit: a repository in the hub's ONNX layout.
   * @throws SpillwayError `model_unknown`, `access_denied`, `manifest_invalid`, or what kept it from every tier that the policy allows.
   */
  model(source: string, options?: ModelOptions): Promise<Model>
  /**
   * What there is in the folder of models, and what its site points to on the hub: the `source` of each is what
   * `model` takes.
   */
  catalogue(signal?: AbortSignal): Promise<SiteCatalogue>
  /** The models that this device keeps. */
  readonly storage: ModelStorage
  /** What waits and runs now, batches so far, lanes, memory and placements. */
  stats(): RuntimeStats
  /** `stats`: while requests run, four times a second at most. */
  addEventListener<Type extends keyof RuntimeEvents>(
    type: Type,
    listener: (event: RuntimeEvents[Type]) => void,
    options?: AddEventListenerOptions | boolean,
  ): void
  removeEventListener<Type extends keyof RuntimeEvents>(
    type: Type,
    listener: (event: RuntimeEvents[Type]) => void,
    options?: EventListenerOptions | boolean,
  ): void
  /** What the device can do: the browser is asked once. */
  capacity(): Promise<Capacity>
  /** Where requests go that do not say it themselves; it may be changed at any time. */
  policy: Policy
  /** Ends the workers. Requests that wait, and texts that are not at their end, are rejected as `closed`. */
  close(): void
}

/** A runtime on this page. What the browser can do is asked, and workers and models start, when they are first needed. */
export const createRuntime = async (options: RuntimeOptions = {}): Promise<Runtime> => startRuntime(options)

/** The same at once, for a global that has to be there when the next script runs. */
export function startRuntime(options: RuntimeOptions): Runtime {
  const clock = systemClock
  const base = folder(options.server ?? '/')
  let policy = checkPolicy(options.policy ?? 'auto')
  const maxLanes = checkMaxLanes(options.maxLanes)
  let told: Promise<Capacity> | undefined
  const capacity = () => {
    told ??= probeCapacity(clock)
    return told
  }
  const store = createIndexedDbStore({ clock, opfs: openOpfs('spillway') })
  const storeWorker = new StoreWorker()
  const calibrations = new Calibrations(createIndexedDbCalibrations(clock), () =>
    capacity().then(fingerprintOf),
  )
  const models = folder(options.models ?? new URL('models/', base))
  const catalogue = new Catalogue({ models, hub: options.hub ?? {}, store, clock })
  const device = new DeviceTier({
    store: storeWorker,
    catalogue,
    calibrations,
    layouts: (backend) => deviceLayouts(backend, maxLanes),
    memoryBudget: memoryBudget(),
    clock,
  })
  const remote = options.server === null ? null : new RemoteTier(base, clock)
  const router = new Router({ capacity, device, remote, calibrations, hedge: options.hedge ?? false, clock })
  const events = new EventTarget()
  const stats = (): RuntimeStats => ({
    device: device.stats(),
    server: remote?.stats() ?? null,
    placements: router.placed.map(({ placement, requests }) => ({ placement, requests })),
  })
  const emitter = new StatsEmitter(clock, stats, (event) => events.dispatchEvent(event))
  const textService = new LazyTextService({ router, device, server: remote && base, clock })
  // At leisure, and before a phone may end the page.
  const writeBack = () => {
    if (document.visibilityState === 'hidden') void calibrations.writeBack()
  }
  document.addEventListener('visibilitychange', writeBack)

  return {
    stats,
    // A target knows no types of events; that those named `stats` are of this one is the teller's doing.
    addEventListener: (type, listener, options) =>
      events.addEventListener(type, listener as EventListener, options),
    removeEventListener: (type, listener, options) =>
      events.removeEventListener(type, listener as EventListener, options),
    catalogue: (signal) => catalogue.list(signal),
    storage: createModelStorage(store, createModelsInUse()),
    capacity,
    get policy() {
      return policy
    },
    set policy(next) {
      policy = checkPolicy(next)
    },
    model: async (source, { signal, onProgress } = {}) => {
      // Beside the manifest, where the first request waits for it.
      if (!router.startsOnServer(policy)) void capacity()
      const manifest = await catalogue.find(source, signal)
      await router.prepare(manifest, { policy, signal }, onProgress)
      return createModel(manifest, router, textService, () => policy, clock, emitter)
    },
    close: () => {
      document.removeEventListener('visibilitychange', writeBack)
      void calibrations.writeBack()
      emitter.close()
      textService.close()
      device.close()
      storeWorker.close()
      remote?.close()
    },
  }
}

function checkMaxLanes(maxLanes: number | undefined): number | undefined {
  if (maxLanes === undefined || (Number.isInteger(maxLanes) && maxLanes > 0)) return maxLanes
  throw new SpillwayError('input_value_invalid', 'maxLanes is wrong', {
    expected: 'a whole number above zero',
    got: String(maxLanes),
  })
}

/** Without the slash at its end, the last part of an address would count as a file and be lost. */
function folder(address: string | URL): URL {
  const url = new URL(address, document.baseURI)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { importCode, importOnce } from '../../models/async/import-code.ts'
import { UnansweredCalls } from '../../models/async/unanswered-calls.ts'
import type { Manifest } from '../../models/core/index.ts'
import { closed } from '../../workers/host/scheduler/errors.ts'
import type { Capacity } from '../device/capacity.ts'
import { DeviceTier } from '../device/device-tier.ts'
import { createOpenAiClient } from '../openai/client.ts'
import { lacksHalfFloats } from '../placement/candidate.ts'
import { Router } from '../placement/router.ts'
import { RemoteTier, type Transport } from '../remote/remote-tier.ts'
import { noHeaders, traceHeaders } from '../remote/request-headers.ts'
import { Extensions } from '../remote/server-extensions.ts'
import { Catalogue } from '../store/catalogue.ts'
import { createLazyModelStorage } from '../store/storage/lazy-model-storage.ts'
import { watchRequests } from '../telemetry/watch-requests.ts'
import { LazyTextService } from '../text/lazy-text-service.ts'
import type { TextServiceOptions } from '../text/text-service.ts'
import {
  checkMaxLanes,
  checkMaxQueued,
  checkMemoryBytes,
  checkModelOptions,
  checkPolicy,
  checkRuntimeOptions,
  checkSignal,
  checkSource,
  checkTelemetry,
  checkTimeouts,
  checkTraceparent,
} from './check-options.ts'
import type { Runtime, RuntimeOptions } from './create-runtime.ts'
import { createModel } from './model.ts'
import type { ModelOptions } from './model-options.ts'
import { folderAddress, onPageHidden } from './page-address.ts'
import type { Platform } from './platform.ts'
import { type RuntimeStats, StatsEmitter } from './stats.ts'

/** Creates a runtime synchronously. */
export function startRuntimeOn(platform: Platform, options: RuntimeOptions, clock: Clock): Runtime {
  checkRuntimeOptions(options)
  const base = folderAddress(options.server ?? platform.base ?? '/')
  let policy = checkPolicy(options.policy ?? 'auto')
  const maxLanes = checkMaxLanes(options.maxLanes)
  const maxQueued = checkMaxQueued(options.maxQueued)
  let probing: Promise<Capacity> | undefined
  const capacity = () => {
    probing ??= parts.probe()
    return probing
  }
  const parts = platform.openDevice({
    clock,
    memoryBytes: checkMemoryBytes(options.memoryBytes),
    maxLanes,
    limits: checkTimeouts(options.timeouts),
    capacity,
  })
  const { store, files, calibrations, layouts, startLane } = parts
  const models = folderAddress(options.models ?? new URL('models/', base))
  // Of files and reports, which carry no span: a further header has a browser ask a server of another origin first.
  const tokens = options.key === undefined ? noHeaders : platform.keyHeaders(base, options.key, clock)
  const keyed = { server: base, headers: tokens }
  let loaded: Awaited<ReturnType<Platform['importModelCode']>> | undefined
  const code = importOnce(clock, 'models', async () => {
    loaded = await platform.importModelCode()
    return loaded
  })
  const catalogue = new Catalogue({
    models,
    hub: options.hub ?? {},
    store,
    clock,
    keyed,
    sources: platform.sources,
  })
  const device = new DeviceTier({
    store: files,
    catalogue,
    calibrations,
    layouts,
    memoryBudget: parts.memoryBytes,
    canRun: async (backend, variant) => !lacksHalfFloats(await capacity(), { backend, variant }),
    maxQueued,
    startLane,
    cutting: () => loaded?.cutting,
    clock,
  })
  const traceparent = checkTraceparent(options.traceparent)
  const headers = traceparent ? traceHeaders(traceparent, tokens) : tokens
  const transport: Transport = {
    infer: async (...request) => (await code()).infer(...request),
    // No request of the page's asks for them.
    extensions: new Extensions(base, clock, tokens),
  }
  const remote = options.server === null ? null : new RemoteTier(base, clock, transport, maxQueued, headers)
  const router = new Router({
    capacity,
    device,
    remote,
    calibrations,
    secondBackend: (parts) => loaded?.SecondBackend && new loaded.SecondBackend(parts),
    clock,
  })
  const events = new EventTarget()
  const unanswered = new UnansweredCalls(closed)
  const stats = (): RuntimeStats => ({
    device: device.stats(),
    server: remote?.stats() ?? null,
    placements: router.placements.map(({ placement, requests }) => ({ placement, requests })),
  })
  const emitter = new StatsEmitter(clock, stats, (event) => events.dispatchEvent(event))
  const watcher = checkTelemetry(options) ? watchRequests(base, clock, tokens, () => probing) : undefined
  // Embeddings are runs that the text service makes.
  const textRouter: TextServiceOptions['router'] = {
    run: (manifest, ...rest) => {
      emitter.noteActivity()
      const answer = router.run(manifest, ...rest)
      return watcher ? watcher.watch(manifest.id, answer) : answer
    },
    streamWithFailover: (...request) => router.streamWithFailover(...request),
  }
  const textService = new LazyTextService(
    {
      router: textRouter,
      device,
      calibrations,
      server: remote && base,
      headers,
      clock,
    },
    (placement) => {
      router.countText(placement)
      emitter.noteActivity()
    },
  )
  // A hidden page is idle, and on a phone it may be ended at any time.
  const stopWritingBack = onPageHidden(() => {
    void calibrations.writeBack()
    watcher?.send()
  })

  /** By id and version. */
  const used = new Map<string, Manifest>()
  const isForced = ({ backend, variant }: ModelOptions) => backend !== undefined || variant !== undefined
  const findModel = async (source: string, options: ModelOptions): Promise<Manifest> => {
    checkSource(source)
    checkModelOptions(options)
    // At the same time as the manifest, where the first request needs the capacity.
    if (isForced(options) || !router.startsOnServer(policy)) void capacity()
    // At the same time as the manifest as well. The request that needs it reports that it did not load.
    code().catch(() => undefined)
    const find = async (stop: AbortSignal) => {
      if (!isForced(options)) return catalogue.find(source, stop)
      const { forceVariant } = await withAbort(stop, code())
      return catalogue.find(source, stop, (found) => forceVariant(found, options))
    }
    return unanswered.trackAbortable(options.signal, async (stop) => {
      const manifest = await find(stop)
      const { adapter } = options
      if (adapter === undefined) return manifest
      const code = () => import('../../models/core/adapters.ts')
      const { checkAdapter } = await withAbort(stop, importCode(clock, 'adapters', code))
      checkAdapter(manifest, adapter)
      return manifest
    })
  }
  const openModel: Runtime['model'] = async (source, options = {}) => {
    const manifest = await findModel(source, options)
    const { signal, onProgress, adapter } = options
    const runtimePolicy = () => (isForced(options) ? 'device' : policy)
    if (isForced(options)) {
      const { refuseForced } = await code()
      refuseForced(await router.outlook(manifest, 'device'), manifest)
    }
    await router.prepare(manifest, { policy: runtimePolicy(), signal }, onProgress)
    used.set(`${manifest.id}@${manifest.version}`, manifest)
    return createModel({
      manifest,
      adapter,
      router,
      device,
      textService,
      unanswered,
      runtimePolicy,
      isForced: isForced(options),
      emitter,
      clock,
      maxQueued,
      watcher,
    })
  }
  let isClosed = false
  const close = () => {
    if (isClosed) return
    isClosed = true
    stopWritingBack()
    void calibrations.writeBack()
    watcher?.send()
    emitter.close()
    unanswered.close()
    router.close()
    textService.close()
    device.close()
    files.close()
    remote?.close()
  }

  return {
    stats,
    // An EventTarget does not type its events: only the emitter dispatches here, and only `StatsEvent`s.
    addEventListener: (type, listener, options) =>
      events.addEventListener(type, listener as EventListener, options),
    removeEventListener: (type, listener, options) =>
      events.removeEventListener(type, listener as EventListener, options),
    models: () =>
      [...used.values()].map((manifest) => ({
        manifest,
        state: device.loadStates.of(manifest),
        loaded: device
          .loadedSessions(manifest)
          .map(({ backend, variant, memory }) => ({ backend, variant, memoryBytes: memory })),
      })),
    catalogue: async (signal) => {
      checkSignal(signal)
      return unanswered.trackAbortable(signal, (stop) => catalogue.list(stop))
    },
    storage:
      parts.storage ??
      createLazyModelStorage(clock, store, async () => {
        const { createVectorStore } = await import('../search/vector-store.ts')
        return createVectorStore({ clock })
      }),
    capacity,
    get policy() {
      return policy
    },
    set policy(next) {
      policy = checkPolicy(next)
    },
    advise: async (source, options = {}) => {
      const manifest = await findModel(source, options)
      const { advise } = await code()
      const outlook = await router.outlook(manifest, isForced(options) ? 'device' : policy)
      return advise(manifest, outlook, { device, store, catalogue })
    },
    model: openModel,
    openai: createOpenAiClient(clock, { openModel, texts: textService, policy: () => policy }),
    close,
    dispose: close,
    // Browsers that do not have the symbol do not have `using`.
    [Symbol.dispose ?? 'dispose']: close,
  }
}

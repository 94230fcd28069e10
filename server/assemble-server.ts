import { availableParallelism } from 'node:os'
import { systemClock } from '../models/async/clock.ts'
import type { Backend } from '../models/core/index.ts'
import { version } from '../package.json'
import { machineMemory } from '../workers/host/lane-client/node/machine.ts'
import { startProcessLane } from '../workers/host/lane-client/node/start-process-lane.ts'
import type { LanePlace } from '../workers/host/pool/pool.ts'
import { createAccess } from './auth/access.ts'
import { Keys, readKeys } from './auth/keys.ts'
import { createLimit } from './auth/limits/create-limit.ts'
import { createAllowedOrigins } from './auth/origin.ts'
import { createRereadKeys } from './auth/reread-keys.ts'
import { Tokens } from './auth/tokens.ts'
import type { BuiltFiles } from './built-files.ts'
import { checkRuntime } from './check-runtime.ts'
import type { Config } from './config.ts'
import { RefusalPace } from './http/pace-refusals.ts'
import type { Log } from './http/request-log.ts'
import { findModel } from './inference/catalogue.ts'
import { draftsOf } from './inference/drafts.ts'
import { chooseBackends } from './inference/gpu/choose-backends.ts'
import { defaultDevice, deviceEnv } from './inference/gpu/devices.ts'
import { systemHardware } from './inference/gpu/hardware.ts'
import { gpuReportsTo } from './inference/gpu/reports.ts'
import { createInference } from './inference/inference.ts'
import { createModelRepository } from './inference/model-repository.ts'
import { openCatalogue } from './inference/open-catalogue.ts'
import { prepareModels } from './inference/prepare-models.ts'
import { createReread } from './inference/reread-models.ts'
import { loadRequestOf } from './inference/session-spec.ts'
import { createTextService } from './inference/text-service.ts'
import { createMetrics } from './observability/metrics.ts'
import { offloadMetrics } from './observability/offload-metrics.ts'
import { startTracing } from './observability/tracing.ts'
import { createOffload } from './offload/offload.ts'
import type { EarlyOptions } from './routes/oip/early-refusals.ts'
import { Engines } from './upstream/openai/engines.ts'
import { Forwarding } from './upstream/openai/forwarding.ts'
import { routeInference } from './upstream/routed-inference.ts'
import { Upstreams } from './upstream/upstreams.ts'

/** Of the memory of this machine or container, the part that is for models. */
const memoryShare = 0.75

export interface ServerParts {
  readonly config: Config
  readonly files: BuiltFiles
  readonly log: Log
  /** Whether the server is shutting down. */
  readonly isDraining: () => boolean
}

/**
 * Everything of a server but what it listens on.
 *
 * @throws SpillwayError Where a file of the configuration has a fault, or no lane works.
 */
export async function assembleServer({ config, files, log, isDraining }: ServerParts) {
  checkRuntime(files.lane)
  const keys = config.keysFile === '' ? undefined : new Keys(await readKeys(config.keysFile))
  const tokens = new Tokens({ secret: config.tokenSecret, seconds: config.tokenSeconds })
  const folders = [files.catalogue, ...config.modelFolders]
  const catalogue = await openCatalogue(folders, log)
  const startLane = ({ backend, device }: LanePlace) => {
    const env = deviceEnv(backend, device)
    const lane = startProcessLane(files.lane, systemClock, config.laneLimits, env)
    log.info({ pid: lane.pid, ...(device !== undefined && { device }) }, 'Lane started')
    lane.lost.then((reason) => {
      // Lanes that the server itself no longer needs end as "closed", and at its shutdown as "server_draining".
      if (reason.code === 'closed' || reason.code === 'server_draining')
        log.info({ pid: lane.pid }, 'Lane ended')
      else log.error({ pid: lane.pid, code: reason.code, reason: reason.message }, 'Lane died')
    })
    return lane
  }
  const digits = findModel(catalogue, 'digits')
  const devices = config.devices.length > 0 ? config.devices : [defaultDevice]
  const request = (backend: Backend) => loadRequestOf(digits, backend)
  const upstreams = new Upstreams(systemClock, log)
  const engines = new Engines(catalogue, upstreams)
  const lanes = createInference({
    backends: await chooseBackends(config.backend, {
      startLane,
      devices,
      request,
      hardware: systemHardware(),
    }),
    devices,
    deviceMemory: config.deviceMemoryBytes,
    cores: availableParallelism(),
    memoryBudget: config.memoryBytes ?? memoryShare * machineMemory(),
    queue: config.queue,
    generateLimits: config.generateLimits,
    drafts: draftsOf(catalogue, log),
    startLane: (_name, place) => startLane(place),
    gpuReports: gpuReportsTo(log),
    clock: systemClock,
    onLoss: (session, message) => log.warn({ session }, message),
  })
  const inference = routeInference(lanes, upstreams)
  const offload = createOffload({
    entry: files.offload,
    clock: systemClock,
    taskMs: config.taskMs,
    maxBytes: config.maxOffloadBytes,
  })
  const metrics = createMetrics(systemClock, catalogue, inference, {
    upstreams,
    gpuHourCost: config.gpuHourCost,
  })
  offloadMetrics(metrics.registry, offload)
  const tracing = await startTracing(process.env, version, systemClock, log)
  const textService = createTextService(inference, systemClock, offload)
  const reread = createReread({ folders, catalogue, inference, textService, log })
  const repository = createModelRepository({ catalogue, inference, reread })
  const access = keys && createAccess(keys, tokens)
  const limit = await createLimit(config, keys, log)
  const options: EarlyOptions = {
    catalogue,
    inference,
    repository,
    offload,
    textService,
    metrics,
    forwarding: new Forwarding({
      engines,
      metrics,
      offload,
      clock: systemClock,
      silenceMs: config.silenceMs,
    }),
    hasAdminPort: config.adminPort !== undefined,
    tracing,
    clock: systemClock,
    site: files.site,
    version,
    maxBodyBytes: config.maxBodyBytes,
    maxTextBodyBytes: config.maxTextBodyBytes,
    requestLimits: config.requestLimits,
    callerAddressHeader: config.callerAddressHeader,
    access,
    limit: limit?.admit,
    origins: createAllowedOrigins(config.origins, keys),
    isDraining,
    refusals: new RefusalPace(systemClock),
    log,
  }
  const rereadKeys = keys && createRereadKeys(config.keysFile, keys, log)
  return {
    options,
    repository,
    access,
    inference,
    offload,
    tracing,
    limit,
    /** Reads the folders of models and the file of keys again. */
    reread: () => {
      void reread()
      void rereadKeys?.()
    },
    /** Makes all models ready. Failures are logged. */
    prepare: () => prepareModels({ catalogue, inference, textService, log }),
  }
}

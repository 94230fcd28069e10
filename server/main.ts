import { availableParallelism, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import { systemClock } from '../models/async/clock.ts'
import { type Backend, messageOf } from '../models/core/index.ts'
import { version } from '../package.json'
import { startProcessLane } from '../workers/host/lane-client/node/start-process-lane.ts'
import type { LanePlace } from '../workers/host/pool/pool.ts'
import { createAdminApp } from './admin.ts'
import { type AppOptions, createApp } from './app.ts'
import { createAccess } from './auth/access.ts'
import { Keys, readKeys } from './auth/keys.ts'
import { createLimit } from './auth/limits/create-limit.ts'
import { checkMayListen } from './auth/may-listen.ts'
import { createOnlyAdmin } from './auth/only-admin.ts'
import { createAllowedOrigins } from './auth/origin.ts'
import { createRereadKeys } from './auth/reread-keys.ts'
import { Tokens } from './auth/tokens.ts'
import { readConfig } from './config.ts'
import { readConfigFile } from './config-file.ts'
import { createLog } from './http/request-log.ts'
import { allVersions, findModel, nameOf } from './inference/catalogue.ts'
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
import { Shutdown } from './shutdown.ts'
import { Engines } from './upstream/openai/engines.ts'
import { Forwarding } from './upstream/openai/forwarding.ts'
import { routeInference } from './upstream/routed-inference.ts'
import { Upstreams } from './upstream/upstreams.ts'

const log = createLog()

/** Resolves a path from dist/server/main.js, the built form of this file: lane.js is beside it, the site is in ../site. */
const fromBuild = (path: string) => new URL(path, import.meta.url)

async function main(): Promise<void> {
  const config = readConfig(process.env, readConfigFile(process.env))
  checkMayListen({ ...config, hasKeys: config.keysFile !== '' })
  const keys = config.keysFile === '' ? undefined : new Keys(await readKeys(config.keysFile))
  const tokens = new Tokens({ secret: config.tokenSecret, seconds: config.tokenSeconds })
  const folders = [fileURLToPath(fromBuild('../../models/catalogue')), ...config.modelFolders]
  const catalogue = await openCatalogue(folders, log)
  const startLane = ({ backend, device }: LanePlace) => {
    const env = deviceEnv(backend, device)
    const lane = startProcessLane(fromBuild('./lane.js'), systemClock, config.laneLimits, env)
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
    memoryBudget: config.memoryBytes ?? memoryBudget(),
    queue: config.queue,
    generateLimits: config.generateLimits,
    startLane: (_name, place) => startLane(place),
    gpuReports: gpuReportsTo(log),
    clock: systemClock,
    onLoss: (session, message) => log.warn({ session }, message),
  })
  const inference = routeInference(lanes, upstreams)
  const offload = createOffload({
    entry: fromBuild('./offload.js'),
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
  const shutdown = new Shutdown({
    inference,
    log,
    clock: systemClock,
    drainMs: config.drainMs,
    flush: async () => tracing?.close(),
    exit: (code) => process.exit(code),
  })
  const reread = createReread({ folders, catalogue, inference, textService, log })
  const repository = createModelRepository({ catalogue, inference, reread })
  const access = keys && createAccess(keys, tokens)
  const options: AppOptions = {
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
    site: fileURLToPath(fromBuild('../site')),
    version,
    maxBodyBytes: config.maxBodyBytes,
    maxTextBodyBytes: config.maxTextBodyBytes,
    requestLimits: config.requestLimits,
    callerAddressHeader: config.callerAddressHeader,
    access,
    limit: await createLimit(config, keys, log),
    origins: createAllowedOrigins(config.origins, keys),
    isDraining: () => shutdown.isDraining,
    log,
  }
  const app = createApp(options)
  const server = serve(
    {
      fetch: app.fetch,
      port: config.port,
      hostname: config.host,
      serverOptions: {
        keepAliveTimeout: config.keepAliveMs,
        requestTimeout: config.uploadMs,
        // Node refuses one that is longer.
        headersTimeout: Math.min(60_000, config.uploadMs),
      },
    },
    ({ address, port }) => {
      const host = address.includes(':') ? `[${address}]` : address === '127.0.0.1' ? 'localhost' : address
      log.info(
        { models: allVersions(catalogue).map((entry) => nameOf(catalogue, entry)) },
        `Spillway ${version} listens on http://${host}:${port}`,
      )
    },
  )
  server.on('error', fail)
  if (config.adminPort !== undefined) {
    const admin = createAdminApp({ metrics, repository, onlyAdmin: createOnlyAdmin(access), log })
    serveAdmin(admin, config.adminPort, config.adminHost)
  }
  if (config.grpcPort !== undefined) {
    // Its libraries are loaded only where it is asked for.
    const { createGrpcApp, serveGrpc } = await import('./grpc/index.ts')
    const calls = createGrpcApp({ ...options, uploadMs: config.uploadMs })
    const grpc = serveGrpc({
      calls,
      port: config.grpcPort,
      host: config.host,
      pingMs: config.keepAliveMs,
      clock: systemClock,
      begin: () => shutdown.begin(),
      onListening: ({ port }) => log.info({ port }, `gRPC is on port ${port}`),
      onError: fail,
    })
    shutdown.add(grpc)
  }
  shutdown.watch(server)
  process.on('SIGTERM', shutdown.onSignal)
  process.on('SIGINT', shutdown.onSignal)
  const rereadKeys = keys && createRereadKeys(config.keysFile, keys, log)
  const rereadAll = () => {
    void reread()
    void rereadKeys?.()
  }
  // In a terminal it means that the terminal was closed.
  process.on('SIGHUP', process.stdout.isTTY ? shutdown.onSignal : rereadAll)
  await prepareModels({ catalogue, inference, textService, log })
}

function serveAdmin({ fetch }: ReturnType<typeof createAdminApp>, port: number, hostname: string): void {
  const admin = serve({ fetch, port, hostname }, ({ address, port }) =>
    log.info({ address, port }, `Administration is on port ${port}`),
  )
  admin.on('error', fail)
}

/** Bytes for models: three quarters of the memory of this machine or container. */
function memoryBudget(): number {
  const limit = process.constrainedMemory()
  return 0.75 * Math.min(totalmem(), limit > 0 ? limit : Number.POSITIVE_INFINITY)
}

function fail(cause: unknown): void {
  log.fatal(messageOf(cause))
  log.flush(() => process.exit(1))
}

main().catch(fail)

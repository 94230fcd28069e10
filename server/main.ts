import { availableParallelism, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import { systemClock } from '../models/async/clock.ts'
import { type Backend, messageOf } from '../models/core/index.ts'
import { version } from '../package.json'
import { startProcessLane } from '../workers/host/lane-client/node/start-process-lane.ts'
import { createApp } from './app.ts'
import { readConfig } from './config.ts'
import { createLog } from './http/log.ts'
import { chooseBackend } from './inference/backend.ts'
import { findModel, readCatalogue, readReferences } from './inference/catalogue.ts'
import { createInference, loadRequestOf } from './inference/inference.ts'
import { createTextService } from './inference/text-service.ts'
import { createMetrics } from './metrics.ts'
import { shutDown } from './shutdown.ts'

const log = createLog()

/** This file is built to dist/server/main.js, beside the lanes' entry and above the site. */
const built = (path: string) => new URL(path, import.meta.url)

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const folders = [fileURLToPath(built('../../models/catalogue')), ...config.modelFolders]
  const catalogue = await readCatalogue(folders)
  const startLane = () => {
    const lane = startProcessLane(built('./lane.js'), systemClock)
    log.info({ pid: lane.pid }, 'Lane started')
    return lane
  }
  const digits = findModel(catalogue, 'digits')
  const trial = (backend: Backend) => loadRequestOf(digits, backend)
  const inference = createInference({
    backend: await chooseBackend(config.backend, startLane, trial),
    cores: availableParallelism(),
    memoryBudget: memoryBudget(),
    maxQueued: 1_000,
    startLane,
    clock: systemClock,
  })
  const app = createApp({
    catalogue,
    references: await readReferences(folders),
    inference,
    textService: createTextService(inference, systemClock),
    metrics: createMetrics(systemClock),
    clock: systemClock,
    site: fileURLToPath(built('../site')),
    version,
    maxBodyBytes: 32 * 2 ** 20,
    log,
  })
  const server = serve(
    { fetch: app.fetch, port: config.port, hostname: config.host },
    ({ address, port }) => {
      const host = address.includes(':') ? `[${address}]` : address === '127.0.0.1' ? 'localhost' : address
      log.info({ models: [...catalogue.keys()] }, `Spillway ${version} listens on http://${host}:${port}`)
    },
  )
  server.on('error', fail)
  shutDown(server, inference, log)
  for (const entry of catalogue.values()) {
    inference
      .prepare(entry)
      .catch((err: unknown) => log.error({ err }, `${entry.manifest.id} could not be loaded`))
  }
}

/** Three quarters of what this machine, or the container, has. */
function memoryBudget(): number {
  const bound = process.constrainedMemory()
  return 0.75 * Math.min(totalmem(), bound > 0 ? bound : Number.POSITIVE_INFINITY)
}

function fail(cause: unknown): void {
  log.fatal(messageOf(cause))
  process.exit(1)
}

main().catch(fail)

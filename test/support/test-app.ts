import { fileURLToPath } from 'node:url'
import type { RouterRoute } from 'hono/types'
import { pino } from 'pino'
import { type Clock, systemClock } from '../../models/async/clock.ts'
import { type AppOptions, createApp } from '../../server/app.ts'
import type { Access } from '../../server/auth/access.ts'
import { RefusalPace } from '../../server/http/pace-refusals.ts'
import type { Log } from '../../server/http/request-log.ts'
import { createInference, type Inference } from '../../server/inference/inference.ts'
import { createModelRepository } from '../../server/inference/model-repository.ts'
import { openCatalogue } from '../../server/inference/open-catalogue.ts'
import { prepareModels } from '../../server/inference/prepare-models.ts'
import { createReread, type Reread } from '../../server/inference/reread-models.ts'
import { createTextService } from '../../server/inference/text-service.ts'
import { createMetrics } from '../../server/observability/metrics.ts'
import type { Offload } from '../../server/offload/offload.ts'
import type { RequestLimits } from '../../server/request-limits.ts'
import type { EarlyOptions } from '../../server/routes/oip/early-refusals.ts'
import { Engines } from '../../server/upstream/openai/engines.ts'
import { Forwarding } from '../../server/upstream/openai/forwarding.ts'
import { routeInference } from '../../server/upstream/routed-inference.ts'
import { Upstreams } from '../../server/upstream/upstreams.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { createTestOffload } from './offload.ts'
import { processLane } from './process-lane.ts'

export interface TestApp {
  readonly routes: RouterRoute[]
  readonly inference: Inference
  /** What the app was made of. */
  readonly options: EarlyOptions
  /** Reads the folders of models again, as at SIGHUP. */
  readonly reread: Reread
  fetch(request: Request, bindings?: unknown): Response | Promise<Response>
  request(path: string, init?: RequestInit): Promise<Response>
  close(): void
}

/** The server's app with real lanes, without a socket. */
export async function startTestApp({
  maxBodyBytes = 1_000_000,
  maxQueued = 100,
  requestLimits,
  models = [],
  access,
  origins,
  limit,
  startLane = () => processLane(systemClock),
  clock = systemClock,
  offload = createTestOffload(),
  log = pino({ level: 'silent' }),
  isDraining,
}: {
  maxBodyBytes?: number
  maxQueued?: number
  requestLimits?: RequestLimits
  models?: string[]
  access?: Access
  origins?: '*' | readonly string[]
  limit?: AppOptions['limit']
  startLane?: () => Lane
  /** Of requests; lanes keep their own. */
  clock?: Clock
  offload?: Offload
  log?: Log
  isDraining?: () => boolean
}): Promise<TestApp> {
  const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const folders = [root('models/catalogue'), ...models]
  const catalogue = await openCatalogue(folders, log)
  const upstreams = new Upstreams(clock, log)
  const engines = new Engines(catalogue, upstreams)
  const lanes = createInference({
    backends: ['cpu'],
    cores: 1,
    memoryBudget: 2 ** 32,
    queue: { requests: maxQueued },
    startLane,
    clock,
  })
  const inference = routeInference(lanes, upstreams)
  const textService = createTextService(inference, clock, offload)
  const reread = createReread({ folders, catalogue, inference, textService, log })
  const repository = createModelRepository({ catalogue, inference, reread })
  await prepareModels({ catalogue, inference, textService, log })
  const metrics = createMetrics(clock, catalogue, inference, { upstreams })
  const forwarding = new Forwarding({ engines, metrics, offload, clock })
  const options: EarlyOptions = {
    catalogue,
    forwarding,
    inference,
    repository,
    offload,
    textService,
    metrics,
    clock,
    site: root('dist/site'),
    version: '0.0.0-test',
    maxBodyBytes,
    access,
    limit,
    ...(origins && { origins: () => origins }),
    ...(requestLimits && { requestLimits }),
    ...(isDraining && { isDraining }),
    refusals: new RefusalPace(clock),
    log,
  }
  const app = createApp(options)
  return {
    inference,
    options,
    reread,
    routes: app.routes,
    fetch: app.fetch,
    request: async (path, init) => app.request(path, init),
    close: () => {
      inference.close()
      offload.close()
    },
  }
}

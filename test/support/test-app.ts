import { fileURLToPath } from 'node:url'
import type { RouterRoute } from 'hono/types'
import { pino } from 'pino'
import { systemClock } from '../../models/async/clock.ts'
import { type AppOptions, createApp } from '../../server/app.ts'
import type { Access } from '../../server/auth/access.ts'
import { readCatalogue, readReferences } from '../../server/inference/catalogue.ts'
import { createInference, type Inference } from '../../server/inference/inference.ts'
import { createTextService } from '../../server/inference/text-service.ts'
import { createMetrics } from '../../server/metrics.ts'
import type { Lane } from '../../workers/host/lane-client/lane.ts'
import { createTestOffload } from './offload.ts'
import { processLane } from './process-lane.ts'

export interface TestApp {
  readonly routes: RouterRoute[]
  readonly inference: Inference
  fetch(request: Request, bindings?: unknown): Response | Promise<Response>
  request(path: string, init?: RequestInit): Promise<Response>
  close(): void
}

/** The server's app with real lanes, without a socket. */
export async function startTestApp({
  maxBodyBytes = 1_000_000,
  maxQueued = 100,
  models = [],
  access,
  origins,
  limit,
  startLane = () => processLane(systemClock),
}: {
  maxBodyBytes?: number
  maxQueued?: number
  models?: string[]
  access?: Access
  origins?: '*' | readonly string[]
  limit?: AppOptions['limit']
  startLane?: () => Lane
}): Promise<TestApp> {
  const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const folders = [root('models/catalogue'), ...models]
  const catalogue = await readCatalogue(folders)
  const inference = createInference({
    backend: 'cpu',
    cores: 1,
    memoryBudget: 2 ** 32,
    queue: { requests: maxQueued },
    startLane,
    clock: systemClock,
  })
  await Promise.allSettled([...catalogue.values()].map((entry) => inference.prepare(entry)))
  const offload = createTestOffload()
  const app = createApp({
    catalogue,
    references: await readReferences(folders),
    inference,
    offload,
    textService: createTextService(inference, systemClock, offload),
    metrics: createMetrics(systemClock),
    clock: systemClock,
    site: root('dist/site'),
    version: '0.0.0-test',
    maxBodyBytes,
    access,
    limit,
    ...(origins && { origins }),
    log: pino({ level: 'silent' }),
  })
  return {
    inference,
    routes: app.routes,
    fetch: app.fetch,
    request: async (path, init) => app.request(path, init),
    close: () => {
      inference.close()
      offload.close()
    },
  }
}

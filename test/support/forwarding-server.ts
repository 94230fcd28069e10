import { Writable } from 'node:stream'
import { pino } from 'pino'
import { type Clock, systemClock } from '../../models/async/clock.ts'
import { type Manifest, parseManifest } from '../../models/core/index.ts'
import { type AppOptions, createApp } from '../../server/app.ts'
import { type CatalogueEntry, ModelCatalogue } from '../../server/inference/catalogue.ts'
import { createTextService } from '../../server/inference/text-service.ts'
import { createMetrics } from '../../server/observability/metrics.ts'
import { serverDraining } from '../../server/probes.ts'
import { requestLimits } from '../../server/request-limits.ts'
import type { UpstreamConfig } from '../../server/upstream/config.ts'
import { Engines } from '../../server/upstream/openai/engines.ts'
import { Forwarding } from '../../server/upstream/openai/forwarding.ts'
import { routeInference } from '../../server/upstream/routed-inference.ts'
import { Upstreams } from '../../server/upstream/upstreams.ts'
import { createCpuInference } from './cpu-inference.ts'
import { listen } from './listen.ts'
import { createTestOffload } from './offload.ts'

/** The manifest of a model that neither devices nor a server run themselves. */
export const forwardedManifest = (id: string, task: Manifest['task'] = 'text-generation'): Manifest =>
  parseManifest(
    {
      schema: 1,
      id,
      version: '1',
      title: id,
      description: 'Runs elsewhere',
      license: 'MIT',
      task,
      inputs: [],
      outputs: [],
      batchAxis: null,
      variants: [],
    },
    id,
  )

export interface ForwardingServer {
  readonly url: URL
  /** The lines of its log. */
  readonly log: Record<string, unknown>[]
  metrics(): Promise<string>
  /** Requests for `tiny` in flight at an address of its engine. */
  inFlight(url: URL): number
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  /** Ends what is in flight, as the end of a shutdown's drain time does. */
  handOver(): void
  close(): void
}

export interface ForwardingServerOptions extends Pick<Partial<AppOptions>, 'limit' | 'access'> {
  /** The engine's addresses, with `/v1`. */
  readonly urls: readonly string[]
  /** The model's name there. */
  readonly model?: string
  /** The environment variable with its key. */
  readonly key?: string
  readonly maxConcurrent?: number
  readonly clock?: Clock
  readonly timeoutMs?: number
}

/** This server behind a socket, with the models `tiny` and `vectors`, which an engine runs. */
export async function startForwardingServer({
  urls,
  model = 'org/tiny',
  key,
  maxConcurrent,
  clock = systemClock,
  timeoutMs = requestLimits.maxTimeoutMs,
  ...options
}: ForwardingServerOptions): Promise<ForwardingServer> {
  const entryOf = (manifest: Manifest): CatalogueEntry => {
    const upstream: UpstreamConfig = { protocol: 'openai', urls: [...urls], model, key, maxConcurrent }
    return { manifest, folder: '', upstream }
  }
  const catalogue = new ModelCatalogue([
    entryOf(forwardedManifest('tiny')),
    entryOf(forwardedManifest('vectors', 'feature-extraction')),
  ])
  const log: Record<string, unknown>[] = []
  const lines = new Writable({
    write: (line, _encoding, done) => {
      log.push(JSON.parse(String(line)))
      done()
    },
  })
  const logger = pino({}, lines)
  const upstreams = new Upstreams(clock, logger)
  const engines = new Engines(catalogue, upstreams)
  const lanes = createCpuInference({ queue: { requests: 1 }, clock })
  const inference = routeInference(lanes, upstreams)
  const offload = createTestOffload()
  const metrics = createMetrics(clock, catalogue, inference, { upstreams })
  const app = createApp({
    catalogue,
    inference,
    offload,
    textService: createTextService(inference, clock, offload),
    metrics,
    forwarding: new Forwarding({ engines, metrics, offload, clock }),
    clock,
    site: '.',
    version: 'test',
    maxBodyBytes: 1_000_000,
    requestLimits: { ...requestLimits, maxTimeoutMs: timeoutMs },
    log: logger,
    ...options,
  })
  const server = await listen(app)
  return {
    url: server.url,
    log,
    metrics: () => metrics.registry.metrics(),
    inFlight: ({ host }) =>
      engines.named('tiny').replicas.all.find(({ url }) => url.host === host)?.inFlight ?? 0,
    post: (path, body, headers = {}) =>
      fetch(new URL(path, server.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    handOver: () => inference.close(serverDraining()),
    close: () => {
      server.close()
      inference.close()
      offload.close()
    },
  }
}

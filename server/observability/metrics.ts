import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Clock } from '../../models/async/clock.ts'
import { allVersions, type Catalogue } from '../inference/catalogue.ts'
import type { Inference } from '../inference/inference.ts'
import type { Upstreams } from '../upstream/upstreams.ts'
import { type DeviceMetrics, deviceMetrics } from './device-metrics.ts'
import { gpuMetrics } from './gpu-metrics.ts'
import { type GrpcMetrics, grpcMetrics } from './grpc-metrics.ts'
import { type HttpMetrics, httpMetrics } from './http-metrics.ts'
import { inferMetrics } from './infer-metrics.ts'
import { laneMetrics } from './lane-metrics.ts'
import { type TextMetrics, textMetrics } from './text-metrics.ts'
import { upstreamMetrics } from './upstream-metrics.ts'

/** What `/metrics` answers, and what adds to it. OBSERVABILITY.md lists the metrics. */
export interface Metrics {
  readonly registry: Registry
  readonly texts: TextMetrics
  readonly http: HttpMetrics
  readonly grpc: GrpcMetrics
  readonly devices: DeviceMetrics
}

export interface MetricsOptions {
  readonly upstreams?: Pick<Upstreams, 'all'>
  /** What an hour of a lane costs; undefined: no money is reckoned. */
  readonly gpuHourCost?: number | undefined
}

/** Every series of the models in the catalogue exists from the start, with 0: a rate over a missing series is no rate. */
export function createMetrics(
  clock: Clock,
  catalogue: Catalogue,
  inference: Inference,
  { upstreams, gpuHourCost }: MetricsOptions = {},
): Metrics {
  const registry = new Registry()
  inferMetrics(registry, catalogue, inference)
  laneMetrics(registry, inference)
  if (upstreams) upstreamMetrics(registry, upstreams)
  gpuMetrics(registry, catalogue, inference)
  const languageModels = allVersions(catalogue).filter(({ manifest }) => manifest.task === 'text-generation')
  const texts = textMetrics(registry, clock, [...new Set(languageModels.map(({ manifest }) => manifest.id))])
  const http = httpMetrics(registry)
  const grpc = grpcMetrics(registry)
  const costOf = (model: string) => {
    const { requests, laneMs } = texts.costOf(model)
    const runs = (catalogue.versions.get(model) ?? []).map((entry) => inference.runCounts(entry))
    return {
      requests: runs.reduce((total, { successes }) => total + successes, requests),
      laneMs: runs.reduce((total, { laneMs }) => total + laneMs, laneMs),
    }
  }
  const devices = deviceMetrics(registry, [...catalogue.keys()], costOf, gpuHourCost)
  collectDefaultMetrics({ register: registry })
  return { registry, texts, http, grpc, devices }
}

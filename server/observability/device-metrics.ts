import type { Registry } from 'prom-client'
import { placementReasons, type Tier } from '../../models/core/index.ts'
import { deviceBackends, deviceClasses, type TelemetryReport } from '../../models/protocols/telemetry.ts'
import { collectedCounter, collectedGauge, type Samples } from './collected.ts'

/** What pages report of their requests. Anyone can send a report: these numbers are theirs, not measured here. */
export interface DeviceMetrics {
  /** Adds a report's counts. Models that this server does not offer are left out: their ids have no bound. */
  add(report: TelemetryReport): void
}

/** The requests of one model that this server answered, and the milliseconds of a lane that they took. */
export interface ServerCost {
  readonly requests: number
  readonly laneMs: number
}

const tiers: readonly Tier[] = ['device', 'server']

/** Counts of one model, by their labels. */
class ModelCounts {
  readonly onDevice = new Map<string, number>()
  readonly placed = new Map<string, number>()
  readonly ms = new Map<string, number>()
  readonly failed = new Map<string, number>()
  /** Requests on devices for which the server's cost was not known yet. */
  unpriced = 0
  savedMs = 0
}

const plus = (counts: Map<string, number>, key: string, more: number) =>
  counts.set(key, (counts.get(key) ?? 0) + more)

export function deviceMetrics(
  registry: Registry,
  models: readonly string[],
  costOf: (model: string) => ServerCost,
  gpuHourCost: number | undefined,
): DeviceMetrics {
  const counts = new Map(models.map((model) => [model, new ModelCounts()]))

  /** Saved time only grows: each request is priced once, by what requests cost then. */
  const price = (model: string, of: ModelCounts) => {
    const { requests, laneMs } = costOf(model)
    if (requests === 0 || of.unpriced === 0) return
    of.savedMs += (of.unpriced * laneMs) / requests
    of.unpriced = 0
  }
  const perModel = (read: (of: ModelCounts, model: string) => number) =>
    function* (): Samples<'model'> {
      for (const [model, of] of counts) yield [{ model }, read(of, model)]
    }
  const tierCount = (of: ModelCounts, tier: Tier) =>
    placementReasons.reduce((sum, reason) => sum + (of.placed.get(`${tier}/${reason}`) ?? 0), 0)

  collectedCounter(
    registry,
    'spillway_device_requests_total',
    'Requests that pages report as answered on the device.',
    ['model', 'backend', 'device'],
    function* () {
      for (const [model, { onDevice }] of counts)
        for (const backend of deviceBackends)
          for (const device of deviceClasses)
            yield [{ model, backend, device }, onDevice.get(`${backend}/${device}`) ?? 0]
    },
  )
  collectedCounter(
    registry,
    'spillway_page_requests_total',
    'Requests that pages report, by where they were answered and why there.',
    ['model', 'tier', 'reason'],
    function* () {
      for (const [model, { placed }] of counts)
        for (const tier of tiers)
          for (const reason of placementReasons)
            yield [{ model, tier, reason }, placed.get(`${tier}/${reason}`) ?? 0]
    },
  )
  collectedCounter(
    registry,
    'spillway_page_seconds_total',
    'Seconds of these requests, from the call in the page to its result.',
    ['model', 'tier'],
    function* () {
      for (const [model, { ms }] of counts)
        for (const tier of tiers) yield [{ model, tier }, (ms.get(tier) ?? 0) / 1000]
    },
  )
  collectedCounter(
    registry,
    'spillway_page_failures_total',
    'Requests that pages report as failed, by the code of the error.',
    ['model', 'code'],
    function* () {
      for (const [model, { failed }] of counts)
        for (const [code, value] of failed) yield [{ model, code }, value]
    },
  )
  collectedGauge(
    registry,
    'spillway_device_share',
    'Share of the reported requests that devices answered, 0 to 1.',
    ['model'],
    perModel((of) => {
      const onDevice = tierCount(of, 'device')
      const all = onDevice + tierCount(of, 'server')
      return all === 0 ? 0 : onDevice / all
    }),
  )
  collectedGauge(
    registry,
    'spillway_server_seconds_per_request',
    'Seconds of a lane that a request of the model takes here, as measured; 0 before the first.',
    ['model'],
    perModel((_, model) => {
      const { requests, laneMs } = costOf(model)
      return requests === 0 ? 0 : laneMs / requests / 1000
    }),
  )
  const saved = (of: ModelCounts, model: string) => {
    price(model, of)
    return of.savedMs / 1000
  }
  collectedCounter(
    registry,
    'spillway_saved_seconds_total',
    "Seconds of lanes that the devices' requests would have taken here.",
    ['model'],
    perModel(saved),
  )
  if (gpuHourCost !== undefined) {
    collectedCounter(
      registry,
      'spillway_saved_cost_total',
      'What these seconds cost by SPILLWAY_GPU_HOUR_COST, in its currency.',
      ['model'],
      perModel((of, model) => (saved(of, model) / 3600) * gpuHourCost),
    )
  }

  return {
    add: ({ device, onDevice, onServer, failed }) => {
      for (const { model, backend, reason, requests, ms } of onDevice) {
        const of = counts.get(model)
        if (!of) continue
        plus(of.onDevice, `${backend}/${device}`, requests)
        plus(of.placed, `device/${reason}`, requests)
        plus(of.ms, 'device', ms)
        of.unpriced += requests
        price(model, of)
      }
      for (const { model, reason, requests, ms } of onServer) {
        const of = counts.get(model)
        if (!of) continue
        plus(of.placed, `server/${reason}`, requests)
        plus(of.ms, 'server', ms)
      }
      for (const { model, code, requests } of failed) {
        const of = counts.get(model)
        if (of) plus(of.failed, code, requests)
      }
    },
  }
}

import type { Registry } from 'prom-client'
import { callOutcomes, type Replica } from '../upstream/replica.ts'
import type { Upstreams } from '../upstream/upstreams.ts'
import { collectedCounter, collectedGauge, type Samples } from './collected.ts'

const labelNames = ['model', 'replica'] as const

/** The replicas of engines that run models for this server. */
export function upstreamMetrics(registry: Registry, upstreams: Pick<Upstreams, 'all'>): void {
  const replicas = () =>
    upstreams.all.flatMap(({ model: { entry }, replicas }) =>
      replicas.all.map((replica) => ({
        labels: { model: entry.manifest.id, replica: replica.name },
        replica,
      })),
    )
  const gauge = (name: string, help: string, read: (replica: Replica) => number) =>
    collectedGauge(registry, name, help, labelNames, function* (): Samples<(typeof labelNames)[number]> {
      for (const { labels, replica } of replicas()) yield [labels, read(replica)]
    })

  collectedCounter(
    registry,
    'spillway_upstream_calls_total',
    'Calls of replicas, retries included, by how they ended: answered, failed, refused for now, rejected as wrong, or left.',
    [...labelNames, 'outcome'],
    function* () {
      for (const { labels, replica } of replicas())
        for (const outcome of callOutcomes) yield [{ ...labels, outcome }, replica.outcomes[outcome]]
    },
  )
  collectedCounter(
    registry,
    'spillway_upstream_retries_total',
    'Retries, and those that were not made because the budget of retries was used up.',
    ['model', 'outcome'],
    function* () {
      for (const { model, replicas } of upstreams.all) {
        const { made, refused } = replicas.retries
        yield [{ model: model.entry.manifest.id, outcome: 'made' }, made]
        yield [{ model: model.entry.manifest.id, outcome: 'refused' }, refused]
      }
    },
  )
  gauge(
    'spillway_upstream_up',
    'Whether the replica gets requests: 1, or 0 while its circuit is open.',
    ({ isOut }) => (isOut ? 0 : 1),
  )
  gauge(
    'spillway_upstream_in_flight',
    'Calls in flight, texts that are being written included.',
    (replica) => replica.inFlight,
  )
  gauge(
    'spillway_upstream_latency_seconds',
    'Seconds that a call is expected to take, or the first part of a text.',
    ({ latencyMs = 0 }) => latencyMs / 1000,
  )
}

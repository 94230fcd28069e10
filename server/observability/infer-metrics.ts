import type { Registry } from 'prom-client'
import type { ModelStats } from '../../workers/host/scheduler/stats.ts'
import { allVersions, type Catalogue, type CatalogueEntry } from '../inference/catalogue.ts'
import type { Inference } from '../inference/inference.ts'
import { derivedFrom } from '../inference/live-catalogue.ts'
import { isSessionOf } from '../inference/session-spec.ts'
import { collectedCounter, collectedGauge, type Samples } from './collected.ts'
import { failureReasons, type RunCounts } from './run-counts.ts'

type ObservedInference = Pick<Inference, 'runCounts' | 'stats' | 'queueMs' | 'state'>

const labelNames = ['model', 'version'] as const

const labelsOf = ({ manifest: { id, version } }: CatalogueEntry) => ({ model: id, version })

/** A count of the scheduler for one version of a model: its sessions are its variants. */
export function sumOfSessions(
  inference: Pick<Inference, 'stats'>,
  entry: CatalogueEntry,
  read: (stats: ModelStats) => number,
): number {
  let total = 0
  for (const stats of inference.stats().models) if (isSessionOf(entry, stats.session)) total += read(stats)
  return total
}

/** Runs under Triton's names, so that its dashboards and autoscalers read this server. Embeddings are runs, too. */
export function inferMetrics(registry: Registry, catalogue: Catalogue, inference: ObservedInference): void {
  const entries = derivedFrom(catalogue, () => allVersions(catalogue))
  const perModel = (read: (entry: CatalogueEntry) => number) =>
    function* (): Samples<(typeof labelNames)[number]> {
      for (const entry of entries()) yield [labelsOf(entry), read(entry)]
    }
  const counter = (name: string, help: string, read: (entry: CatalogueEntry) => number) =>
    collectedCounter(registry, name, help, labelNames, perModel(read))
  const gauge = (name: string, help: string, read: (entry: CatalogueEntry) => number) =>
    collectedGauge(registry, name, help, labelNames, perModel(read))
  const micros = (name: string, help: string, read: (counts: RunCounts) => number) =>
    counter(name, help, (entry) => Math.round(1000 * read(inference.runCounts(entry))))
  const sum = (entry: CatalogueEntry, read: (stats: ModelStats) => number) =>
    sumOfSessions(inference, entry, read)

  counter(
    'nv_inference_request_success',
    'Requests answered.',
    (entry) => inference.runCounts(entry).successes,
  )
  collectedCounter(
    registry,
    'nv_inference_request_failure',
    'Requests not answered: refused or too late (REJECTED), left by their caller (CANCELED), failed in their run (BACKEND).',
    [...labelNames, 'reason'],
    function* () {
      for (const entry of entries())
        for (const reason of failureReasons)
          yield [{ ...labelsOf(entry), reason }, inference.runCounts(entry).failures[reason]]
    },
  )
  counter('nv_inference_count', 'Rows run.', (entry) => sum(entry, ({ rows }) => rows))
  counter('nv_inference_exec_count', 'Runs: each has the rows of one or more requests.', (entry) =>
    sum(entry, ({ batches }) => batches),
  )
  micros(
    'nv_inference_request_duration_us',
    'Microseconds of the answered requests, from the queue to the answer.',
    ({ requestMs }) => requestMs,
  )
  micros(
    'nv_inference_queue_duration_us',
    'Microseconds that the answered requests waited for a lane.',
    ({ queueMs }) => queueMs,
  )
  micros(
    'nv_inference_compute_infer_duration_us',
    'Microseconds of the runs that the answered requests were in: one run counts for each of its requests.',
    ({ computeMs }) => computeMs,
  )
  micros(
    'nv_inference_compute_input_duration_us',
    'Microseconds in which the inputs of those runs were joined and made tensors; 0 where another engine runs the model.',
    ({ inputMs }) => inputMs,
  )
  micros(
    'nv_inference_compute_output_duration_us',
    'Microseconds in which the outputs of those runs were read and taken apart; 0 where another engine runs the model.',
    ({ outputMs }) => outputMs,
  )
  gauge('nv_inference_pending_request_count', 'Requests that wait for a lane.', (entry) =>
    sum(entry, ({ queued }) => queued),
  )
  gauge(
    'spillway_queue_seconds',
    'Seconds that a request made now would wait for a lane.',
    (entry) => inference.queueMs(entry) / 1000,
  )
  gauge('spillway_model_ready', 'Whether the model has loaded: 1 or 0.', (entry) =>
    inference.state(entry) === 'ready' ? 1 : 0,
  )
}

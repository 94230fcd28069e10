import type { DurationStatistics, ModelStatistics } from '../../../models/protocols/oip-statistics.ts'
import type { CatalogueEntry } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import { sumOfSessions } from '../../observability/infer-metrics.ts'

/** What is not measured: the copies before and after a run, and a cache, which there is not. */
const unmeasured: DurationStatistics = { count: 0, ns: 0 }

/**
 * What a version's runs took since it was offered, as Triton counts: a run's time counts for each of its requests.
 *
 * @param toEpoch The milliseconds since 1970 of a moment on the inference's clock.
 */
export function statisticsOf(
  inference: Pick<Inference, 'runCounts' | 'stats'>,
  entry: CatalogueEntry,
  toEpoch: (moment: number) => number,
): ModelStatistics {
  const counts = inference.runCounts(entry)
  const { successes, failures, lastAnsweredAt } = counts
  const failed = Object.values(failures).reduce((total, count) => total + count, 0)
  return {
    name: entry.manifest.id,
    version: entry.manifest.version,
    last_inference: lastAnsweredAt === undefined ? 0 : toEpoch(lastAnsweredAt),
    inference_count: sumOfSessions(inference, entry, ({ rows }) => rows),
    execution_count: sumOfSessions(inference, entry, ({ batches }) => batches),
    inference_stats: {
      success: durationOf(successes, counts.requestMs),
      fail: durationOf(failed, counts.failedMs),
      queue: durationOf(successes, counts.queueMs),
      compute_input: unmeasured,
      compute_infer: durationOf(successes, counts.computeMs),
      compute_output: unmeasured,
      cache_hit: unmeasured,
      cache_miss: unmeasured,
    },
    batch_stats: [...counts.batches]
      .sort(([one], [other]) => one - other)
      .map(([size, { rows, computeMs }]) => ({
        batch_size: size,
        compute_input: unmeasured,
        compute_infer: durationOf(Math.round(rows / Math.max(1, size)), computeMs),
        compute_output: unmeasured,
      })),
  }
}

const durationOf = (count: number, ms: number): DurationStatistics => ({ count, ns: Math.round(ms * 1e6) })

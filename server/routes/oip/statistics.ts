import type { DurationStatistics, ModelStatistics } from '../../../models/protocols/oip-statistics.ts'
import type { CatalogueEntry } from '../../inference/catalogue.ts'
import type { Inference } from '../../inference/inference.ts'
import { sumOfSessions } from '../../observability/infer-metrics.ts'

/** What is not measured: a cache, which there is not, and the copies of another engine. */
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
  const copyOf = (count: number, ms: number) => (counts.isSplit ? durationOf(count, ms) : unmeasured)
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
      compute_input: copyOf(successes, counts.inputMs),
      compute_infer: durationOf(successes, counts.computeMs),
      compute_output: copyOf(successes, counts.outputMs),
      cache_hit: unmeasured,
      cache_miss: unmeasured,
    },
    batch_stats: [...counts.batches]
      .sort(([one], [other]) => one - other)
      .map(([size, { rows, inputMs, computeMs, outputMs }]) => {
        const runs = Math.round(rows / Math.max(1, size))
        return {
          batch_size: size,
          compute_input: copyOf(runs, inputMs),
          compute_infer: durationOf(runs, computeMs),
          compute_output: copyOf(runs, outputMs),
        }
      }),
  }
}

const durationOf = (count: number, ms: number): DurationStatistics => ({ count, ns: Math.round(ms * 1e6) })

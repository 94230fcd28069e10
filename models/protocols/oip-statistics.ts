/**
 * The statistics extension, as Triton defines it. Times are in nanoseconds.
 * Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
 */
import * as z from 'zod/mini'

/** The extension's name in the server's metadata. */
export const statisticsExtension = 'statistics'

const count = z.int().check(z.nonnegative())

const duration = z.object({ count, ns: count })
/** How often something was done, and the nanoseconds that it took together. */
export type DurationStatistics = z.infer<typeof duration>

export const modelStatistics = z.object({
  name: z.string(),
  version: z.string(),
  /** Milliseconds since 1970 of the last answer; 0 where there is none. */
  last_inference: count,
  /** Rows run, and the runs that they shared. */
  inference_count: count,
  execution_count: count,
  inference_stats: z.object({
    success: duration,
    fail: duration,
    queue: duration,
    compute_input: duration,
    compute_infer: duration,
    compute_output: duration,
    cache_hit: duration,
    cache_miss: duration,
  }),
  /** Runs by their numbers of rows. */
  batch_stats: z.array(
    z.object({
      batch_size: count,
      compute_input: duration,
      compute_infer: duration,
      compute_output: duration,
    }),
  ),
})
export type ModelStatistics = z.infer<typeof modelStatistics>

/** The answer to `GET /v2/models/stats`, and of one model or version. */
export const statistics = z.object({ model_stats: z.array(modelStatistics) })

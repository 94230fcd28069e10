import type { Placement } from './placement.ts'
import type { Tensor } from './tensor.ts'

/** Milliseconds. */
export interface Timings {
  /** From `run()` to its result, as the caller waited. */
  readonly totalMs: number
  /** From the call to its run: waiting for the model to be loaded and for a lane or a connection. */
  readonly queueMs: number
  /** Inside the session's run. */
  readonly computeMs: number
}

/** The answer to one `run()`. */
export interface RunResult {
  /** By output name; the batch axis holds the rows that were asked for. */
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly placement: Placement
  readonly timings: Timings
}

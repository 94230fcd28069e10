import type { Placement } from './placement.ts'
import type { Tensor } from './tensor.ts'

/** Durations of a run in milliseconds. */
export interface Timings {
  /** From the call of `run()` to its result. */
  readonly totalMs: number
  /** From the call until the model runs: loading, and waiting for a lane or a connection. */
  readonly queueMs: number
  /** The run itself. */
  readonly computeMs: number
}

/** The answer to one `run()`, with the outputs that it asked for. */
export interface RunResult<Name extends string = string> {
  /** Outputs by name, with one row per requested row along the batch axis. */
  readonly outputs: Readonly<Record<Name, Tensor>>
  readonly placement: Placement
  readonly timings: Timings
}

import type { BatchedModel, RunAnswer, Tensors } from './work.ts'

/** Where batches run: lanes that take one at a time. */
export interface Lanes<S extends BatchedModel> {
  /** How many share this model's batches, busy or not: one at least. */
  count(source: S): number
  /** How many of them would take a batch now. */
  free(source: S): number
  /** Whether the batches of two models wait for the same lanes. */
  shared(one: S, other: S): boolean
  /** Calls back when a lane came free by something else than the end of what it was given here. */
  onFree(callback: () => void): void
  /** Runs a batch in a free lane. */
  run(source: S, batch: Batch): Promise<BatchResult>
  /** Loads a model into a free lane. */
  prepare(source: S): Promise<void>
}

export interface Batch {
  readonly rows: number
  /** A lane died of it before: the next has to be seen alive first, lest a death that came earlier is laid at its door. */
  readonly isReplay: boolean
  /** Makes the tensors to send; their buffers may be given away. */
  pack(): Tensors
  /** Rows of the same model that wait now. */
  waiting(): number
  /** Milliseconds after which nobody waits for it any more. */
  readonly withinMs: number
  /** Fires when every caller has gone; nothing where one of them stays in any case. */
  readonly signal: AbortSignal | undefined
}

export interface BatchResult extends Pick<RunAnswer, 'outputs' | 'executedOn' | 'computeMs'> {
  /** On the scheduler's clock: when the lane was given the batch, its model loaded. */
  readonly startedAt: number
  /** Milliseconds that it waited after that, on a server. */
  readonly waitedMs: number
}

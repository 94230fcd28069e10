import type { BatchedModel, RunAnswer, Tensors } from './work.ts'

/** Where batches run. A lane takes one batch at a time. */
export interface Lanes<S extends BatchedModel> {
  /** Lanes that share this model's batches, busy or not: one at least. */
  count(source: S): number
  /** Lanes that would take a batch of this model now. */
  free(source: S): number
  /** Whether two models' batches wait for the same lanes. */
  shared(one: S, other: S): boolean
  /** Calls back when a lane became free otherwise than by the end of a `run` or `prepare`. */
  onFree(callback: () => void): void
  /** Runs a batch in a free lane. */
  run(source: S, batch: Batch): Promise<BatchResult>
  /** Loads a model into a free lane. */
  prepare(source: S): Promise<void>
}

export interface Batch {
  readonly rows: number
  /** Whether the rows have to be independent: they are those of several requests, or not all of one. */
  readonly isShared: boolean
  /** A lane died of it before. The next lane has to answer first, so that an earlier death is not blamed on this batch. */
  readonly isReplay: boolean
  /** Names of the outputs that a request of it asks for; undefined for all. */
  readonly outputs: readonly string[] | undefined
  /**
   * Creates the tensors to send. Their buffers may be transferred.
   *
   * @param isCopied Whether they are copied instead: the requests keep them.
   */
  pack(isCopied?: boolean): Tensors
  /** Rows of the same model that wait now. */
  waiting(): number
  /** Milliseconds until the last deadline of its requests; infinite where none has one. */
  readonly withinMs: number
  /** Whether one of its requests has no deadline. */
  readonly isOpenEnded: boolean
  /** Fires when every caller has left; absent where one of them cannot leave. */
  readonly signal: AbortSignal | undefined
}

type BatchField = 'outputs' | 'executedOn' | 'inputMs' | 'computeMs' | 'outputMs' | 'costMs'

export interface BatchResult extends Pick<RunAnswer, BatchField> {
  /** When the batch was sent to a lane with the model, on the scheduler's clock. */
  readonly startedAt: number
  /** Milliseconds that it then waited on a server. */
  readonly waitedMs: number
}

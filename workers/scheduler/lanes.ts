import type { Answer, Source, Tensors } from './work.ts'

/** Where batches run: lanes that take one at a time. */
export interface Lanes<S extends Source> {
  /** How many there are, busy or not. */
  readonly count: number
  /** Whether one of them would take a batch now. */
  readonly isFree: boolean
  /** Runs a batch in a free lane. */
  run(source: S, batch: Batch): Promise<BatchAnswer>
  /** Does other work in a free lane: starts it, or loads a model into it. */
  prepare(source: S | undefined): Promise<void>
}

export interface Batch {
  /** Makes the tensors to send; their buffers may be given away. */
  pack(): Tensors
  /** Milliseconds after which nobody waits for it any more. */
  readonly withinMs: number
  /** Fires when every caller has gone. */
  readonly signal: AbortSignal
}

export interface BatchAnswer extends Pick<Answer, 'outputs' | 'ranOn' | 'computeMs'> {
  /** On the scheduler's clock: when the lane was given the batch, its model loaded. */
  readonly startedAt: number
  /** Milliseconds that it waited after that, on a server. */
  readonly waitedMs: number
}

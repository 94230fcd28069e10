import type { Backend, Manifest, SpillwayError, Tensor } from '../../../models/core/index.ts'
import type { LoadRequest } from '../../protocol/lane.ts'

export type Tensors = Readonly<Record<string, Tensor>>

/** A model whose requests are batched: those of one key share runs. */
export interface BatchedModel {
  readonly key: string
  readonly manifest: Manifest
}

/** A model as a lane can load it; its key names model, version, variant and backend. */
export interface SessionSpec extends BatchedModel, ExecutedOn {
  /** Bytes that it takes in a lane, as its manifest says. */
  readonly memory: number
  /** Asked for again for each lane that needs it. */
  request(): Promise<LoadRequest>
}

export interface ExecutedOn {
  readonly backend: Backend
  readonly variant: string
}

/** What one caller wants run: inputs that were checked against the manifest. */
export interface Work<S extends BatchedModel = BatchedModel> {
  readonly source: S
  /** The caller's own arrays, read when a batch is packed: a replay reads them again. */
  readonly inputs: Tensors
  /** Size along the batch axis; one where the model has none. */
  readonly rows: number
  /** When the caller asked, on the scheduler's clock. */
  readonly askedAt: number
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds from now within which it has to be answered. */
  readonly deadlineMs?: number | undefined
  /** Who goes first among those that wait. Others are not passed for ever: waiting counts, too. */
  readonly priority?: Priority | undefined
}

/** Best first. */
export const priorities = ['high', 'normal', 'low'] as const
/**
 * Which of the waiting requests go first.
 *
 * @useDeclaredType
 */
export type Priority = (typeof priorities)[number]

export interface RunAnswer {
  readonly outputs: Tensors
  readonly executedOn: { readonly backend: Backend | 'unknown'; readonly variant: string }
  /** From the request to its run, in milliseconds. */
  readonly queueMs: number
  /** When the answer was there, on the scheduler's clock. */
  readonly answeredAt: number
  /** Inside the run that it shared, in milliseconds. */
  readonly computeMs: number
  /** Rows of all requests in that run. */
  readonly batchRows: number
}

/**
 * What requests' promises come to. One object reads for all the requests of a place: of thousands each has one promise and
 * no functions of its own.
 */
export interface ResultHandler<S extends BatchedModel, T, W extends WaitOptions = WaitOptions> {
  onResult(answer: RunAnswer, work: Work<S>): T
  /** What becomes of a request that failed; its caller is told what this rejects with. */
  onError(error: SpillwayError, work: Work<S>, wait: W): Promise<T>
}

/** The answers and errors as they are. */
export const passThrough: ResultHandler<BatchedModel, RunAnswer> = {
  onResult: (answer) => answer,
  onError: (error) => Promise.reject(error),
}

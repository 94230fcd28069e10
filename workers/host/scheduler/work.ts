import type { Backend, Manifest, SpillwayError, Tensor } from '../../../models/core/index.ts'
import type { LoadRequest } from '../../protocol/lane.ts'
import type { Priority } from './priority.ts'

export type Tensors = Readonly<Record<string, Tensor>>

/** A model whose requests are batched: requests of one key share runs. */
export interface BatchedModel {
  readonly key: string
  readonly manifest: Manifest
}

/** A model as a lane can load it; its key names model, version, variant and backend. */
export interface SessionSpec extends BatchedModel, ExecutedOn {
  /** Bytes that it takes in a lane, as its manifest says. */
  readonly memory: number
  /** Called anew for each lane that loads the model. */
  request(): Promise<LoadRequest>
}

export interface ExecutedOn {
  readonly backend: Backend
  readonly variant: string
}

/** What one caller asks to be run. */
export interface Work<S extends BatchedModel = BatchedModel> {
  readonly source: S
  /** The caller's own arrays, checked against the manifest. They are read at each packing, and again for a replay. */
  readonly inputs: Tensors
  /** Size along the batch axis; one where the model has none. */
  readonly rows: number
  /** Names of the outputs that the caller asks for; undefined for all. */
  readonly outputs?: readonly string[] | undefined
  /** When the caller asked, on the scheduler's clock. */
  readonly askedAt: number
  /** Whether its rows run at once, however long that takes: a measurement. Default: a scheduler may cut it. */
  readonly isWhole?: boolean
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds from now within which the answer has to come. */
  readonly deadlineMs?: number | undefined
  /** Which of the waiting requests goes first. Low priorities do not starve: waiting counts, too. */
  readonly priority?: Priority | undefined
  /** Who asks: callers take turns. Absent in a page, which is one caller. */
  readonly caller?: string | undefined
  /** The caller's share of the work, as a multiple of that of others. Default: 1. */
  readonly weight?: number | undefined
}

/** Who asks, and its share of the work. */
export type CallerShare = Pick<WaitOptions, 'caller' | 'weight'>

export interface RunAnswer {
  readonly outputs: Tensors
  readonly executedOn: { readonly backend: Backend | 'unknown'; readonly variant: string }
  /** Milliseconds from the request to the begin of its run. */
  readonly queueMs: number
  /** When the answer had arrived and was taken apart, on the scheduler's clock. */
  readonly answeredAt: number
  /** Milliseconds of the run that it shared. */
  readonly computeMs: number
  /** Milliseconds in which that run's inputs were prepared: joined here, and made tensors. Absent where a server did. */
  readonly inputMs?: number | undefined
  /** Milliseconds in which that run's outputs were read, and taken apart here. Absent where a server did. */
  readonly outputMs?: number | undefined
  /**
   * Milliseconds that the run kept its lane: on the lane's own clock, so that a busy page does not make it look slow. Of a
   * server, the whole exchange but for its queue.
   */
  readonly costMs: number
  /** Rows of all requests in that run. */
  readonly batchRows: number
  /** Runs of a request that was cut. The milliseconds are those of all, and the rows are the sum of theirs. Default: 1. */
  readonly runs?: number
}

/**
 * Turns answers and errors into what the requests' promises settle with. One handler serves all requests of a place, so
 * that a request costs one promise and no functions of its own.
 */
export interface ResultHandler<S extends BatchedModel, T, W extends WaitOptions = WaitOptions> {
  onResult(answer: RunAnswer, work: Work<S>): T
  /** May answer in another way, or reject. */
  onError(error: SpillwayError, work: Work<S>, wait: W): Promise<T>
}

/** Answers and errors as they are. */
export const passThrough: ResultHandler<BatchedModel, RunAnswer> = {
  onResult: (answer) => answer,
  onError: (error) => Promise.reject(error),
}

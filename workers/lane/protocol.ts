/** What crosses a lane's edge, by postMessage or by process IPC. Types only. */
import type { Backend, Tensor, TensorSpec, WireError } from '../../models/index.ts'

/** Nothing is thrown across the edge: comlink keeps an error's message, and drops its code. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: WireError }

export interface StartRequest {
  /** Threads that one run may use. */
  readonly threads: number
}

export interface StartReply {
  /** Version of ONNX Runtime. */
  readonly runtime: string
  readonly backends: readonly Backend[]
}

/** Where the graph comes from: bytes that were verified, or a file that this machine verified. */
export type ModelSource =
  | {
      readonly from: 'bytes'
      readonly graph: ArrayBuffer
      readonly external: readonly { readonly path: string; readonly data: ArrayBuffer }[]
    }
  | { readonly from: 'file'; readonly path: string }

export interface LoadRequest {
  /** The session's name in later messages. */
  readonly session: string
  readonly backend: Backend
  readonly source: ModelSource
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly batchAxis: 0 | null
}

export interface LoadReply {
  /** Creating the session, in milliseconds. */
  readonly loadMs: number
  /** The first run, on zeros, which compiles shaders, in milliseconds. */
  readonly warmUpMs: number
}

/** Rows of one or more requests, packed along the batch axis: one message in, one run, one message out. */
export interface BatchRequest {
  readonly session: string
  readonly inputs: Readonly<Record<string, Tensor>>
}

export interface BatchReply {
  readonly outputs: Readonly<Record<string, Tensor>>
  /** Inside the session's run, in milliseconds. */
  readonly computeMs: number
}

/** What a lane can be asked. `start` comes first, once. */
export interface LaneApi {
  start(request: StartRequest): Promise<Outcome<StartReply>>
  load(request: LoadRequest): Promise<Outcome<LoadReply>>
  run(batch: BatchRequest): Promise<Outcome<BatchReply>>
  unload(session: string): Promise<Outcome<null>>
}

/** What a lane says unasked: its GPU device is gone, and no session in it will answer again. */
export interface LaneLost {
  readonly lane: 'lost'
  readonly reason: string
}

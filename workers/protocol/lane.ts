/** What crosses a lane's edge, by postMessage or by process IPC. Types only. */
import type { Outcome } from '../../models/async/outcome.ts'
import type { Backend, GenerationSpec, Tensor, TensorSpec, WireError } from '../../models/core/index.ts'
import type { FinishReason, GeneratedToken, GeneratorLoad, TokenRequest } from './generation.ts'

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
export type GraphSource =
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
  readonly source: GraphSource
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly batchAxis: 0 | null
  readonly generate?: GenerateSetup | undefined
}

/** What a language model is loaded for: it decodes sequences, and takes no batches. */
export interface GenerateSetup {
  readonly spec: GenerationSpec
  readonly kvType: 'float32' | 'float16'
  /** Sequences that may share a step. */
  readonly maxSlots: number
  /** Bytes for their keys and values. */
  readonly maxBytes: number
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

/** A sequence to decode, with a name of its own within the session. */
export interface SequenceRequest {
  readonly id: number
  readonly request: TokenRequest
}

/** What became of a sequence since the last message. */
export interface SequenceEvent {
  readonly id: number
  readonly tokens: readonly GeneratedToken[]
  /** It has a slot now, in which so many of its prompt's tokens were already. */
  readonly cachedTokens?: number
  /** It is done, well or not: nothing more comes of it. */
  readonly finish?: FinishReason
  readonly error?: WireError
}

/** One message a step, or several steps at once where they come faster than they are asked for. */
export interface EventsReply {
  readonly events: readonly SequenceEvent[]
  readonly load: GeneratorLoad
}

/** What a lane can be asked by comlink. `start` comes first, once. */
export interface LaneApi {
  start(request: StartRequest): Promise<Outcome<StartReply>>
  load(request: LoadRequest): Promise<Outcome<LoadReply>>
  unload(session: string): Promise<Outcome<null>>
  /** Adds sequences to those that the session decodes. */
  addSequences(session: string, requests: readonly SequenceRequest[]): Promise<Outcome<null>>
  /** Their callers have gone. */
  cancelSequences(session: string, ids: readonly number[]): Promise<Outcome<null>>
  ping(): Promise<Outcome<null>>
}

/** What a lane is asked thousands of times a second: plain messages, beside comlink's. */
export interface DirectApi {
  run(batch: BatchRequest): Promise<Outcome<BatchReply>>
  /** What came since it was asked the last time; waits a second for some where there is none. */
  takeEvents(session: string): Promise<Outcome<EventsReply>>
}

/** A call with a number of its own in its lane: to run a batch, or for what a session's sequences came to. */
export interface DirectCall {
  readonly call: number
  readonly run?: BatchRequest
  readonly takeEvents?: string
}

/** The answer to the call of that number. */
export interface DirectReply {
  readonly reply: number
  readonly outcome: Outcome<BatchReply | EventsReply>
}

/** What a lane says unasked: its GPU device is gone, and no session in it will answer again. */
export interface LaneLost {
  readonly lane: 'lost'
  readonly reason: string
}

/** The messages between a host and a lane, over postMessage or a process's IPC channel. Types only. */
import type { Outcome } from '../../models/async/outcome.ts'
import type { Backend, GenerationSpec, Tensor, TensorSpec, WireError } from '../../models/core/index.ts'
import type { FinishReason, GeneratedToken, GeneratorLoad, TokenRequest } from './generation.ts'

export interface StartRequest {
  /** Threads that one run may use. */
  readonly threads: number
  /** ONNX Runtime, compiled once for all lanes of a page. Without it the lane fetches the runtime itself. */
  readonly runtime?: WebAssembly.Module
}

export interface StartReply {
  /** Version of ONNX Runtime. */
  readonly runtime: string
  readonly backends: readonly Backend[]
}

/** Where the graph comes from: verified bytes, or a file that this machine has verified. */
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
  /** Whether runs are shared only once a warm-up has proven that rows do not depend on each other. */
  readonly needsRowProof?: boolean
  /** How far the runtime rewrites the graph; absent: as far as it can. */
  readonly optimization?: 'extended' | undefined
  /** Makes the session a language model's: it decodes sequences and takes no batches. */
  readonly generate?: GenerateSetup | undefined
  /** A small language model with the same vocabulary, whose guesses the session verifies. */
  readonly draft?: DraftRequest | undefined
  /**
   * Makes the session that of a graph without a manifest: `inputs` and `outputs` are empty and those of the graph count,
   * and it does not run on made-up inputs.
   */
  readonly graphOptions?: GraphOptions | undefined
}

/** Options of ONNX Runtime for a session of a graph without a manifest, under its own names. */
export interface GraphOptions {
  readonly graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all'
  readonly executionMode?: 'sequential' | 'parallel'
  readonly enableCpuMemArena?: boolean
  readonly enableMemPattern?: boolean
  /** Sizes of named dimensions. */
  readonly freeDimensionOverrides?: Readonly<Record<string, number>>
  readonly extra?: Record<string, unknown>
}

/** An input or an output of a graph, as ONNX Runtime describes it. Dimensions without a size have a name. */
export type GraphValue =
  | { readonly name: string; readonly isTensor: false }
  | {
      readonly name: string
      readonly isTensor: true
      /** A name of ONNX Runtime, also of types that no tensor here has. */
      readonly type: string
      readonly shape: readonly (number | string)[]
    }

/** The inputs and outputs of a graph, in its order. */
export interface GraphSignature {
  readonly inputs: readonly GraphValue[]
  readonly outputs: readonly GraphValue[]
}

/** A load without its files, which may be large. */
export type SessionRequest = Omit<LoadRequest, 'source' | 'draft'>

/** A draft model. Where it cannot be loaded, the session does without. */
export interface DraftRequest extends Pick<GenerateSetup, 'spec' | 'kvType'> {
  /** Its model's id. */
  readonly model: string
  readonly source: GraphSource
}

export interface GenerateSetup {
  readonly spec: GenerationSpec
  readonly kvType: 'float32' | 'float16'
  /** Sequences that share a step to begin with. */
  readonly slots: number
  /** Sequences that may share one where the measured cost of a step is worth it. */
  readonly maxSlots: number
  /** Bytes for their keys and values. */
  readonly maxBytes: number
}

export interface LoadReply {
  /** Creating the session, in milliseconds. */
  readonly loadMs: number
  /** Of a graph without a manifest. */
  readonly signature?: GraphSignature
}

export interface WarmUpReply {
  /** The first run, which compiles shaders, and the proof of rows, in milliseconds. */
  readonly warmUpMs: number
  /** Why the model refused all made-up inputs, which says nothing of the inputs of requests. */
  readonly fault?: string
}

/** Rows of one or more requests, packed along the batch axis: one message in, one run, one message out. */
export interface BatchRequest {
  readonly session: string
  readonly inputs: Readonly<Record<string, Tensor>>
  /** Whether the rows are those of several requests. */
  readonly isShared?: boolean
  /** Names of the outputs to send back. Default: all of the manifest. */
  readonly outputs?: readonly string[]
}

export interface BatchReply {
  readonly outputs: Readonly<Record<string, Tensor>>
  /** In milliseconds: the runtime's tensors were made of the inputs. */
  readonly inputMs: number
  /** Inside the session's run, in milliseconds. */
  readonly computeMs: number
  /** In milliseconds: the outputs were read. */
  readonly outputMs: number
  /** From the arrival of the message until the reply, on the lane's own clock: the host's delays are not in it. */
  readonly laneMs: number
}

/** A sequence to decode. The host chooses its id, unique within the session. */
export interface SequenceRequest {
  readonly id: number
  readonly request: TokenRequest
}

/** The progress of a sequence since the last reply. */
export interface SequenceEvent {
  readonly id: number
  readonly tokens: readonly GeneratedToken[]
  /** The sequence got a slot, which held so many of its prompt's tokens already. */
  readonly cachedTokens?: number
  /** Set once, when the sequence ends well; `error` when it fails. No event follows either. */
  readonly finish?: FinishReason
  readonly error?: WireError
}

/** The events of one step, or of several where steps come faster than the host takes them. */
export interface EventsReply {
  readonly events: readonly SequenceEvent[]
  readonly load: GeneratorLoad
}

/** Calls through comlink. `start` comes first, once. */
export interface LaneApi {
  start(request: StartRequest): Promise<Outcome<StartReply>>
  load(request: LoadRequest): Promise<Outcome<LoadReply>>
  /** Runs a loaded session on made-up inputs. A call of its own: a run that never ends must not count as the load. */
  warmUp(session: string): Promise<Outcome<WarmUpReply>>
  unload(session: string): Promise<Outcome<null>>
  /** Adds sequences to those that the session decodes. */
  addSequences(session: string, requests: readonly SequenceRequest[]): Promise<Outcome<null>>
  /** Ends sequences whose callers have left. */
  cancelSequences(session: string, ids: readonly number[]): Promise<Outcome<null>>
  ping(): Promise<Outcome<null>>
}

/** Calls made thousands of times a second. They are plain messages: comlink costs more than a small model's run. */
export interface DirectApi {
  run(batch: BatchRequest): Promise<Outcome<BatchReply>>
  /** The events since the last call. Without any, it waits up to a second for some. */
  takeEvents(session: string): Promise<Outcome<EventsReply>>
}

/** A direct call, numbered within its lane: to run a batch, or to take a session's events. */
export interface DirectCall {
  readonly call: number
  readonly run?: BatchRequest
  readonly takeEvents?: string
}

/** The reply to the call of that number. */
export interface DirectReply {
  readonly reply: number
  readonly outcome: Outcome<BatchReply | EventsReply>
}

/** Sent by the lane itself: its GPU device is lost, and no session in it will answer again. */
export interface LaneLost {
  readonly lane: 'lost'
  readonly reason: string
}

import type { Policy } from '../../models/core/index.ts'
import type { Priority } from '../../workers/host/scheduler/priority.ts'
import type { PageBackend } from '../placement/candidate.ts'
import type { ForcedChoice } from '../placement/force-variant.ts'
import type { Progress } from '../store/worker/load-files.ts'

/** Options of `runtime.model()`. */
export interface ModelOptions extends LoadOptions, ForcedChoice {
  /** A LoRA adapter of the model, one of its manifest's `generation.adapters`: texts are written with it, on either tier. */
  readonly adapter?: string
  /**
   * The backend that runs the model, for debugging. Requests then run on the device only.
   */
  readonly backend?: PageBackend
  /** The id of the variant that runs, likewise. */
  readonly variant?: string
}

/** Options of `model.load()`. */
export interface LoadOptions {
  /** Aborts the call. A download stops when its last caller aborts, and resumes at the next call. */
  readonly signal?: AbortSignal
  /** Called as the model loads, with the bytes of its files, stored ones included, and of the runtime's download. */
  readonly onProgress?: (progress: Progress) => void
}

/** Options of one request. */
export interface RequestOptions {
  /** Aborts the request, which then rejects as `aborted`. */
  readonly signal?: AbortSignal
  /** Milliseconds from the call, above zero. A request without an answer by then rejects as `deadline_exceeded`. */
  readonly deadlineMs?: number
  /** Where this request may run. Default: the runtime's policy. */
  readonly policy?: Policy
  /** The order among waiting requests. Default `normal`. */
  readonly priority?: Priority
}

/** Options of one run. */
export interface RunOptions<Name extends string = string> extends RequestOptions {
  /** Names of the outputs to return: others are neither copied nor sent. Default: all. */
  readonly outputs?: readonly Name[]
}

/** Options of one call of `embed()`. */
export interface EmbedOptions extends RequestOptions {
  /**
   * Whether only the beginning of a text is embedded that is longer than the model reads. Default `false`: such a text is
   * refused as `context_exceeded`.
   */
  readonly truncate?: boolean
}

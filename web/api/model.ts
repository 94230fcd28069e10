import type { Clock } from '../../models/async/clock.ts'
import {
  type CheckedInputs,
  checkInputs,
  type Inputs,
  type Manifest,
  type Policy,
  type RunResult,
  SpillwayError,
} from '../../models/core/index.ts'
import type { Priority } from '../../workers/host/scheduler/priority.ts'
import type { EmbedResult } from '../../workers/host/text/embedding/embedder.ts'
import type { TextRequest } from '../../workers/host/text/types.ts'
import type { PlacementOptions } from '../placement/request-state.ts'
import type { Router } from '../placement/router.ts'
import type { Progress } from '../store/worker/load-files.ts'
import type { GenerationStream } from '../text/generate.ts'
import type { LazyTextService } from '../text/lazy-text-service.ts'
import { checkPolicy } from './policy.ts'
import { StatefulSession } from './session.ts'
import type { StatsEmitter } from './stats.ts'

export interface ModelOptions {
  readonly signal?: AbortSignal
  /** Bytes of all files together, those from the store included. */
  readonly onProgress?: (progress: Progress) => void
}

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Milliseconds within which the answer is wanted; past it the request is rejected as `deadline_exceeded`. */
  readonly deadlineMs?: number
  /** Where this request may run; the runtime's policy where it does not say. */
  readonly policy?: Policy
  /** Who goes first among those that wait. Default `normal`. */
  readonly priority?: Priority
}

export interface Model {
  readonly manifest: Manifest
  /** Milliseconds that a request made now would wait for its run, as far as is known: on the tier with the shorter queue. */
  readonly queueMs: number
  /** Whether a request made now would be refused as `overloaded`: every tier that the policy allows is full. */
  readonly isSaturated: boolean
  /**
   * Loads the model on the device, if it is not yet. Requests need not wait for it: policy `auto` lets the server
   * answer meanwhile.
   *
   * @throws SpillwayError What keeps it from the device.
   */
  load(options?: ModelOptions): Promise<void>
  /**
   * Runs the model. Inputs are read when the request is sent to a lane or the server: leave their arrays
   * unchanged until the promise settles.
   *
   * @param inputs By input name: a typed array (one row, shaped as the manifest says) or `{ data, shape }`.
   * @throws SpillwayError `input_*` where the inputs are not what the manifest says; `deadline_exceeded`,
   * `aborted`, `overloaded`; or what kept the request from every tier that the policy allows.
   */
  run(inputs: Inputs, options?: RunOptions): Promise<RunResult>
  /**
   * A session of a model whose manifest declares state (a recurrent model, a voice detector): it keeps the state from
   * run to run. `run()` of such a model has the state among its inputs and outputs.
   *
   * @throws SpillwayError `not_supported` where the model has no state.
   */
  createSession(): ModelSession
  /**
   * Continues a text: `for await (const { text } of model.generate({ prompt }))`. Under policy `auto` the server writes
   * while the device loads the model; a text whose device or server is lost goes on elsewhere from its last token.
   *
   * @throws SpillwayError From the loop and from `result`: `not_supported` where the model generates no text,
   * `input_value_invalid`, `context_exceeded`, `overloaded`, `deadline_exceeded`, `aborted`, or what kept the text from
   * every tier that the policy allows.
   */
  generate(request: TextRequest, options?: RunOptions): GenerationStream
  /**
   * Texts as vectors, pooled and scaled as the manifest says. Texts of about one length share runs, those of concurrent
   * calls too.
   *
   * @throws SpillwayError `not_supported` where the model makes none, `context_exceeded` for a text that is too long;
   * else as `run()` does.
   */
  embed(texts: string | readonly string[], options?: RunOptions): Promise<EmbedResult>
}

/** A model with state, run again and again along a sequence: what a run leaves as state goes into the next. */
export interface ModelSession {
  /**
   * One run, after all that this session was asked for before it; those of different sessions share batches. Inputs and
   * outputs are the manifest's without the state. Every run has as many rows as the session's first.
   *
   * A run that fails leaves the state as it was, and the runs after it go on from there.
   *
   * @throws SpillwayError As `model.run()` does, and `closed`.
   */
  run(inputs: Inputs, options?: RunOptions): Promise<RunResult>
  /** Forgets the state. Runs that are not answered yet are rejected as `closed`, as is every run after it. */
  close(): void
}

export const createModel = (
  manifest: Manifest,
  router: Router,
  textService: LazyTextService,
  runtimePolicy: () => Policy,
  clock: Clock,
  emitter: StatsEmitter,
): Model => {
  const accept = (options: RunOptions | undefined): PlacementOptions => {
    checkDeadline(options?.deadlineMs)
    const policy = options?.policy === undefined ? runtimePolicy() : checkPolicy(options.policy)
    return options ? { ...options, policy } : { policy }
  }
  const run = (inputs: CheckedInputs, options: PlacementOptions) => {
    emitter.note()
    return router.run(manifest, inputs, options)
  }
  return {
    manifest,
    get queueMs() {
      return router.backlog(manifest, runtimePolicy()).queueMs
    },
    get isSaturated() {
      return router.backlog(manifest, runtimePolicy()).isSaturated
    },
    load: ({ signal, onProgress } = {}) => router.load(manifest, signal, onProgress),
    run: (inputs, options) => {
      // Not an async function: what it adds to each call is more than all of the routing.
      try {
        return run(checkInputs(manifest, inputs), accept(options))
      } catch (cause) {
        return Promise.reject(cause)
      }
    },
    createSession: () => {
      const session = new StatefulSession(manifest, run, clock)
      return {
        run: async (inputs, options) => session.run(inputs, accept(options)),
        close: () => session.close(),
      }
    },
    generate: (request, options) => textService.generate(manifest, request, accept(options)),
    embed: async (texts, options) =>
      textService.embed(manifest, typeof texts === 'string' ? [texts] : texts, accept(options)),
  }
}

function checkDeadline(deadlineMs: number | undefined): void {
  if (deadlineMs === undefined || (Number.isFinite(deadlineMs) && deadlineMs > 0)) return
  throw new SpillwayError('input_value_invalid', 'deadlineMs is wrong', {
    expected: 'milliseconds above zero',
    got: String(deadlineMs),
  })
}

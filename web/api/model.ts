import type { Clock } from '../../models/async/clock.ts'
import type { UnansweredCalls } from '../../models/async/unanswered-calls.ts'
import {
  type CheckedInputs,
  checkInputs,
  checkOutputNames,
  type Inputs,
  type Manifest,
  type Policy,
  type RunResult,
  SpillwayError,
} from '../../models/core/index.ts'
import type { DeviceTier } from '../device/device-tier.ts'
import type { LoadState, StateChangeEvent } from '../device/load-states.ts'
import type { PlacementOptions } from '../placement/placement-resolver.ts'
import type { Router } from '../placement/router.ts'
import { changePolicy, type TextPolicy } from '../placement/text-policy.ts'
import type { RequestWatcher } from '../telemetry/watch-requests.ts'
import type { EmbedResult } from '../text/embed-result.ts'
import type { GenerationStream } from '../text/generate.ts'
import { type LazyTextService, streamOf } from '../text/lazy-text-service.ts'
import type { GenerateRequest } from '../text/tools.ts'
import {
  checkEmbedOptions,
  checkLoadOptions,
  checkPolicy,
  checkRequestOptions,
  checkRunOptions,
  checkTexts,
} from './check-options.ts'
import { createLazySession } from './lazy-session.ts'
import type { EmbedOptions, LoadOptions, RequestOptions, RunOptions } from './model-options.ts'
import type { StatsEmitter } from './stats.ts'

/** The events of a model, by type. */
export interface ModelEvents {
  readonly statechange: StateChangeEvent
}

/** A model that is ready for requests, on either tier. */
export interface Model {
  /** The model's inputs and outputs with their types and shapes, its variants and their files. */
  readonly manifest: Manifest
  /**
   * Estimated milliseconds that a request made now would wait for its run: on the tier with the shorter queue, under
   * the runtime's policy. Zero where nothing is known.
   */
  readonly queueMs: number
  /** Whether a request made now would be refused as `overloaded`: every tier that the runtime's policy allows is full. */
  readonly isSaturated: boolean
  /** How far the model is on the device. While it is not `ready`, the server may answer. */
  readonly state: LoadState
  /**
   * Listens to `statechange`, which is dispatched when `state` has changed.
   *
   * @example
   * model.addEventListener('statechange', ({ state }) => console.log(state))
   */
  addEventListener<Type extends keyof ModelEvents>(
    type: Type,
    listener: (event: ModelEvents[Type]) => void,
    options?: AddEventListenerOptions | boolean,
  ): void
  /** Removes a listener that was added with the same type and options. */
  removeEventListener<Type extends keyof ModelEvents>(
    type: Type,
    listener: (event: ModelEvents[Type]) => void,
    options?: EventListenerOptions | boolean,
  ): void
  /**
   * Loads the model on the device, if it is not loaded yet. Requests need not wait for this: under policy `auto` the
   * server answers meanwhile.
   *
   * @throws SpillwayError The reason why the device cannot have it: `capacity_insufficient`, `file_*`, `model_invalid`,
   * `server_unreachable`, `aborted`, `closed`.
   */
  load(options?: LoadOptions): Promise<void>
  /**
   * Frees the device's memory: the lanes unload the model once its running and waiting requests are answered, those of
   * other callers too. Its files stay stored. A later request loads it again.
   */
  unload(): Promise<void>
  /**
   * Runs the model. Concurrent calls share runs. Inputs are read when the request is sent to a lane or to the server:
   * leave their arrays unchanged until the promise settles.
   *
   * @param inputs By input name: a typed array, or an array of strings (one row, shaped as the manifest says), or
   * `{ data, shape }` with the rows along the manifest's batch axis.
   * @returns The outputs by name, with as many rows; the placement; and the timings in milliseconds.
   * @throws SpillwayError `input_*` where the inputs do not match the manifest, or an option is unknown;
   * `output_name_invalid` for an output that the manifest does not list; `deadline_exceeded`, `aborted`, `overloaded`,
   * `closed`; or the failure of the last tier that the policy allows.
   * @example
   * const { outputs, placement } = await model.run({ image: new Float32Array(784) }, { deadlineMs: 200 })
   */
  run<Name extends string = string>(inputs: Inputs, options?: RunOptions<Name>): Promise<RunResult<Name>>
  /**
   * Creates a session of a model whose manifest declares state (a recurrent model, a voice detector). The session keeps
   * the state from run to run. `model.run()` of such a model has the state among its inputs and outputs.
   *
   * @throws SpillwayError `not_supported` where the model has no state.
   * @example
   * const session = model.createSession()
   * for (const input of frames) console.log((await session.run({ input })).outputs)
   * session.close()
   */
  createSession(): ModelSession
  /**
   * Continues a text. Under policy `auto` the server writes while the device loads the model. A text that loses its
   * device or its server goes on elsewhere from its last token.
   *
   * @param request Exactly one of `prompt`, `messages` and `tokens`, with the sampling options. Beside `messages` there may
   * be `tools`: those with `execute` are run here, and the model writes on with their results, in `maxSteps` texts at most.
   * @throws SpillwayError From the loop and from `result`: `not_supported` where the model generates no text,
   * `input_value_invalid`, `context_exceeded`, `overloaded`, `deadline_exceeded`, `aborted`, `closed`; or the failure of
   * the last tier that the policy allows.
   * @example
   * for await (const { text } of model.generate({ prompt: 'Once', maxTokens: 64 })) console.log(text)
   */
  generate(request: GenerateRequest, options?: RequestOptions): GenerationStream
  /**
   * Embeds texts as vectors, pooled and normalized as the manifest says. Texts of similar length share runs, those of
   * concurrent calls too.
   *
   * @throws SpillwayError `not_supported` where the model embeds no text, or `truncate` is asked of one whose tokenizer only
   * an engine behind the server has; `context_exceeded` for a text that is too long; otherwise as `run()`.
   * @example
   * const { embeddings } = await model.embed(['a fox', 'a wood'])
   */
  embed(texts: string | readonly string[], options?: EmbedOptions): Promise<EmbedResult>
}

/** A session of a model with state: each run starts from the state that the one before it left. */
export interface ModelSession {
  /**
   * Runs the model after all earlier runs of this session; runs of different sessions share batches. Inputs and outputs
   * are the manifest's without the state. Every run has as many rows as the session's first. A run that fails leaves
   * the state as it was, and later runs go on from there.
   *
   * @throws SpillwayError As `model.run()`; `overloaded` where 1,024 runs of this session wait, or `maxQueued` of `createRuntime()`; `closed`.
   */
  run<Name extends string = string>(inputs: Inputs, options?: RunOptions<Name>): Promise<RunResult<Name>>
  /** Discards the state. Unanswered and later runs reject as `closed`. */
  close(): void
}

export interface CreateModelOptions {
  readonly manifest: Manifest
  /** One of the manifest's. */
  readonly adapter?: string | undefined
  readonly router: Router
  readonly device: Pick<DeviceTier, 'loadStates' | 'unloadModel'>
  readonly textService: LazyTextService
  /** The runtime's. */
  readonly unanswered: UnansweredCalls
  readonly runtimePolicy: () => Policy
  /** Whether the page has forced a backend or a variant of the device. */
  readonly isForced: boolean
  readonly emitter: StatsEmitter
  readonly clock: Clock
  /** The most runs of a session that wait. */
  readonly maxQueued?: number | undefined
  /** Counts requests, where the page reports them. */
  readonly watcher?: RequestWatcher | undefined
}

export function createModel(options: CreateModelOptions): Model {
  const { manifest, router, device, textService, unanswered, runtimePolicy, isForced, emitter, clock } =
    options
  const { adapter, maxQueued, watcher } = options
  const events = device.loadStates.events(manifest)
  const toPlacementOptions = (
    options: RequestOptions | undefined,
    check: (options: RequestOptions) => void = checkRequestOptions,
  ): PlacementOptions => {
    if (options === undefined) return { policy: runtimePolicy() }
    check(options)
    const policy = options.policy === undefined ? runtimePolicy() : checkPolicy(options.policy)
    if (isForced && policy !== 'device') throw forcedElsewhere(policy)
    return { ...options, policy }
  }
  const run = (inputs: CheckedInputs, options: PlacementOptions) => {
    emitter.noteActivity()
    const answer = router.run(manifest, inputs, options)
    return watcher ? watcher.watch(manifest.id, answer) : answer
  }
  return {
    manifest,
    get queueMs() {
      return router.backlog(manifest, runtimePolicy()).queueMs
    },
    get isSaturated() {
      return router.backlog(manifest, runtimePolicy()).isSaturated
    },
    get state() {
      return device.loadStates.of(manifest)
    },
    // An EventTarget does not type its events: only `LoadStates` dispatches here, and only `StateChangeEvent`s.
    addEventListener: (type, listener, options) =>
      events.addEventListener(type, listener as EventListener, options),
    removeEventListener: (type, listener, options) =>
      events.removeEventListener(type, listener as EventListener, options),
    unload: () => device.unloadModel(manifest),
    load: async (options = {}) => {
      checkLoadOptions(options)
      return router.load(manifest, options.signal, options.onProgress)
    },
    run: (inputs, options) => {
      // Not async: the promise of an async function costs more per call than the routing.
      try {
        const placement = toPlacementOptions(options, checkRunOptions)
        const checked = checkInputs(manifest, inputs)
        const names = options?.outputs && checkOutputNames(manifest, options.outputs)
        return run(names ? { ...checked, outputs: names } : checked, placement)
      } catch (cause) {
        return Promise.reject(cause)
      }
    },
    createSession: () => {
      const session = createLazySession(manifest, run, clock, maxQueued)
      return {
        run: async (inputs, options) => {
          const placement = toPlacementOptions(options, checkRunOptions)
          return unanswered.track(() => session.run(inputs, placement, options?.outputs))
        },
        close: () => session.close(),
      }
    },
    generate: (request, options) => {
      try {
        const placement = toPlacementOptions(options)
        const textPolicy: TextPolicy = { current: placement.policy }
        const stream = textService.generate(manifest, request, { ...placement, textPolicy, adapter })
        void watcher?.watch(manifest.id, stream.result)
        return {
          ...stream,
          move: (policy) => changePolicy(textPolicy, toPlacementOptions({ policy }).policy),
        }
      } catch (cause) {
        return { ...streamOf(Promise.reject(cause)), move: () => {} }
      }
    },
    embed: async (texts, options) =>
      textService.embed(manifest, checkTexts(texts), {
        ...toPlacementOptions(options, checkEmbedOptions),
        truncate: options?.truncate,
      }),
  }
}

const forcedElsewhere = (policy: Policy) =>
  new SpillwayError('input_value_invalid', 'A model with a forced backend or variant runs on the device', {
    expected: 'no policy, or "device"',
    got: `"${policy}"`,
  })

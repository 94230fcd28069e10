import type { Backend, Manifest, Policy, SiteCatalogue } from '../../models/core/index.ts'
import type { HubOptions } from '../../models/hub/index.ts'
import type { Capacity } from '../device/capacity.ts'
import type { LoadState } from '../device/load-states.ts'
import type { OpenAiClient } from '../openai/types.ts'
import type { ModelStorage } from '../store/storage/model-storage.ts'
import type { Advice } from './advise.ts'
import type { Model } from './model.ts'
import type { ModelOptions } from './model-options.ts'
import { startRuntime } from './start-runtime.ts'
import type { RuntimeStats, StatsEvent } from './stats.ts'

/** Options of `createRuntime`. Addresses are relative to the page's. */
export interface RuntimeOptions {
  /**
   * The folder of the server tier: below it are `v2/`, `v1/` and, by default, `models/`. Default: the page's own root.
   * `null`: there is no server, and no request leaves the device.
   */
  readonly server?: string | URL | null
  /**
   * The page's publishable key (`pk_…`), where the server asks for one. It is exchanged for a token with the first
   * request that goes to the server.
   */
  readonly key?: string
  /**
   * The folder of models, `ID/manifest.json` each, on any host that serves files. Default: `models/` on the server, or at
   * the page's root where there is no server.
   */
  readonly models?: string | URL
  /** The Hugging Face hub, for models named `hf:owner/repo@revision`. */
  readonly hub?: HubOptions
  /** Where requests may run. Default `auto`. */
  readonly policy?: Policy
  /**
   * The most lanes (workers) of one backend. Fewer start where more are not measured to be faster; set it for a page that
   * needs the device's cores for other work. Default: as many as cores and memory allow.
   */
  readonly maxLanes?: number
  /**
   * Bytes that the models in this page's lanes may take together: a model that needs more runs on the server. Default: a
   * quarter of the device's memory, which only Chromium reports; 1 GiB elsewhere.
   */
  readonly memoryBytes?: number
  /**
   * The most requests that wait in each queue; more are refused as `overloaded`, or go to the other tier. Default: 65,536
   * for the device, 4,096 for the server, and 1,024 for the texts of each model and the runs of each session.
   */
  readonly maxQueued?: number
  /**
   * Reports to the server, when the page is hidden or the runtime is closed, how many requests of each model were answered
   * where, why there, in how many milliseconds, and which failed: never inputs, outputs or text. Default `false`: nothing
   * is sent.
   */
  readonly telemetry?: boolean
  /**
   * The header `traceparent` of the page's present span (W3C Trace Context), for each request to the server, whose spans
   * then belong to the page's trace. Undefined: that request has none.
   */
  readonly traceparent?: () => string | undefined
  /**
   * Milliseconds after which a worker that does not answer is replaced. A worker that computes on WebAssembly cannot say
   * that it lives, so only these bounds tell one that hangs from one that is slow.
   */
  readonly timeouts?: {
    /** Loading a model from its files. Default 600,000. A request with a longer `deadlineMs` allows more. */
    readonly loadMs?: number
    /**
     * The runs on made-up inputs after loading. Default 10,000. A model that takes longer is loaded again without them,
     * and its first request is slower.
     */
    readonly warmUpMs?: number
    /** A run whose request has no `deadlineMs`. Default 300,000. */
    readonly runMs?: number
  }
}

/** A model that the page uses. */
export interface ModelInUse {
  readonly manifest: Manifest
  /** How far it is on the device. */
  readonly state: LoadState
  /** The backends and variants that lanes have loaded now, each with its bytes of memory. */
  readonly loaded: readonly {
    readonly backend: Backend
    readonly variant: string
    readonly memoryBytes: number
  }[]
}

/** The events of a runtime, by type. */
export interface RuntimeEvents {
  readonly stats: StatsEvent
}

/** Runs models on this page. One is enough: its models share lanes, memory and the store. */
export interface Runtime {
  /**
   * Makes a model ready where the policy places it. Under `auto` the promise does not wait for the device: the server
   * answers while the device downloads and loads the model. Under `device` and `prefer-device` it waits until the model
   * is loaded.
   *
   * @param source An id in the folder of models, the address of a manifest, or `hf:owner/repo` with an optional
   * `@revision` (a branch, a tag or a commit): a repository in the hub's ONNX layout.
   * @throws SpillwayError `model_unknown`, `access_denied`, `manifest_invalid`, `aborted`, `closed`; or the failure of the
   * last tier that the policy allows.
   * @example
   * const model = await runtime.model('digits', {
   *   onProgress: ({ loadedBytes, totalBytes }) => console.log(loadedBytes / totalBytes),
   * })
   */
  model(source: string, options?: ModelOptions): Promise<Model>
  /**
   * Says whether and where a model will run here, and what it takes, before anything but its manifest is downloaded.
   *
   * @param source As for `model()`.
   * @throws SpillwayError `model_unknown`, `access_denied`, `manifest_invalid`, `aborted`, `closed`; `input_value_invalid`
   * for a variant that the model does not have.
   * @example
   * const { tier, explanation, device } = await runtime.advise('digits')
   * if (device) console.log(device.backend, device.downloadBytes)
   */
  advise(source: string, options?: Omit<ModelOptions, 'onProgress'>): Promise<Advice>
  /** The models that `model()` has returned, each with its state on the device. */
  models(): ModelInUse[]
  /**
   * Lists the folder of models and the models on the hub that its site refers to.
   *
   * @throws SpillwayError `manifest_invalid`, `server_unreachable`, `server_response_invalid`, `aborted`, `closed`.
   */
  catalogue(signal?: AbortSignal): Promise<SiteCatalogue>
  /**
   * The models stored on this device, for all pages of this origin.
   *
   * @example
   * for (const { id, bytes } of await runtime.storage.list()) console.log(id, bytes)
   * await runtime.storage.remove('digits')
   */
  readonly storage: ModelStorage
  /**
   * A client with the calls of OpenAI's, over the models of this runtime: `chat.completions`, `responses`,
   * `completions` and `embeddings`, streamed or not. Its code is loaded with the first call. Failures are SpillwayErrors: `code` is as in
   * the server's answers, and `detail.param` names the invalid parameter.
   *
   * @example
   * const stream = await runtime.openai.completions.create({ model: 'bard', prompt: 'Once', stream: true })
   * for await (const { choices } of stream) console.log(choices[0]?.text)
   */
  readonly openai: OpenAiClient
  /** A snapshot: waiting and running requests, batches so far, lanes, memory and placements. */
  stats(): RuntimeStats
  /**
   * Listens to `stats`, which is dispatched at most four times a second while requests run, and once after the last.
   *
   * @example
   * runtime.addEventListener('stats', ({ stats }) => console.log(stats.device.queued))
   */
  addEventListener<Type extends keyof RuntimeEvents>(
    type: Type,
    listener: (event: RuntimeEvents[Type]) => void,
    options?: AddEventListenerOptions | boolean,
  ): void
  /** Removes a listener that was added with the same type and options. */
  removeEventListener<Type extends keyof RuntimeEvents>(
    type: Type,
    listener: (event: RuntimeEvents[Type]) => void,
    options?: EventListenerOptions | boolean,
  ): void
  /** The device's GPU, WebAssembly features, memory and storage. The browser is queried once. */
  capacity(): Promise<Capacity>
  /**
   * Where requests run that name no policy of their own. It may be set at any time.
   *
   * @throws SpillwayError `input_value_invalid` where it is set to an unknown policy.
   */
  policy: Policy
  /** Ends the workers. All calls that wait, unfinished texts and later calls reject as `closed`. */
  close(): void
  /** The same as `close()`, for `using` and for frameworks that end what they made. */
  dispose(): void
  /** The same as `close()`. */
  [Symbol.dispose](): void
}

/**
 * Creates a runtime for this page. Nothing is loaded yet: the browser is queried, and workers and models start, when
 * they are first needed.
 *
 * @throws SpillwayError `input_value_invalid` where an option has no valid value, `input_name_invalid` where there is no
 * such option.
 * @example
 * const runtime = await createRuntime({ server: '/', policy: 'auto' })
 * const model = await runtime.model('digits')
 * const { outputs } = await model.run({ image: new Float32Array(784) })
 */
export const createRuntime = async (options: RuntimeOptions = {}): Promise<Runtime> => startRuntime(options)

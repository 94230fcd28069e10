/** Vue composables over a runtime. They are thin: what they do is in ../state. */
import {
  type InjectionKey,
  inject,
  type MaybeRefOrGetter,
  onScopeDispose,
  type Plugin,
  type ShallowRef,
  shallowRef,
  toValue,
  watchEffect,
} from 'vue'
import { type Inputs, type RunResult, SpillwayError } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import type { EmbedOptions, RequestOptions, RunOptions } from '../../api/model-options.ts'
import type { RuntimeStats } from '../../api/stats.ts'
import type { EmbedResult } from '../../text/embed-result.ts'
import type { PlacedResult } from '../../text/generate.ts'
import type { GenerateRequest } from '../../text/tools.ts'
import { Generation, type GenerationState } from '../state/generation-state.ts'
import { type CallState, LatestCall } from '../state/latest-call.ts'
import { type ModelState, noModel, openModel } from '../state/model-state.ts'
import type { Observable } from '../state/observable.ts'
import { observeStats } from '../state/stats-state.ts'

const runtimeKey: InjectionKey<Runtime> = Symbol('spillway')

/** Gives a runtime to the composables: `app.use(spillway(await createRuntime()))`. */
export const spillway = (runtime: Runtime): Plugin => ({
  install: (app) => {
    app.provide(runtimeKey, runtime)
  },
})

/** The app's runtime. @throws SpillwayError `closed` where the app has none. */
export function useRuntime(): Runtime {
  const runtime = inject(runtimeKey, undefined)
  if (runtime) return runtime
  throw new SpillwayError('closed', 'There is no runtime', { expected: 'app.use(spillway(runtime))' })
}

/** A reference that follows an observable value until its component is gone. */
function follow<T>(observable: () => Observable<T>): Readonly<ShallowRef<T>> {
  const reference = shallowRef(observable().value)
  watchEffect((onCleanup) => {
    const observed = observable()
    reference.value = observed.value
    onCleanup(
      observed.subscribe(() => {
        reference.value = observed.value
      }),
    )
  })
  return reference
}

/** Opens a model, as `runtime.model(source)`. Components with the same source share it. A server that renders opens none. */
export function useModel(source: MaybeRefOrGetter<string>): {
  readonly state: Readonly<ShallowRef<ModelState>>
  readonly retry: () => void
} {
  const runtime = useRuntime()
  const opened = () => openModel(runtime, toValue(source))
  const isPage = typeof window !== 'undefined'
  return { state: follow(() => (isPage ? opened() : noModel)), retry: () => opened().retry() }
}

/** The component's latest call, aborted when the component is gone, and how its model is opened. */
function useLatestCall<Result>(source: MaybeRefOrGetter<string>) {
  const runtime = useRuntime()
  const latest = new LatestCall<Result>()
  onScopeDispose(latest.abort)
  const open = () => openModel(runtime, toValue(source)).whenReady()
  return { state: follow(() => latest.state), latest, open }
}

/** Runs a model; each call aborts the one before, and the result of the latest is in `state`. */
export function useRun(source: MaybeRefOrGetter<string>): {
  readonly state: Readonly<ShallowRef<CallState<RunResult>>>
  readonly run: (inputs: Inputs, options?: RunOptions) => Promise<RunResult>
} {
  const { state, latest, open } = useLatestCall<RunResult>(source)
  const run = (inputs: Inputs, options: RunOptions = {}) =>
    latest.callModel(open, options, (model, signalled) => model.run(inputs, signalled))
  return { state, run }
}

/** Embeds texts; each call aborts the one before, and the vectors of the latest are in `state`. */
export function useEmbed(source: MaybeRefOrGetter<string>): {
  readonly state: Readonly<ShallowRef<CallState<EmbedResult>>>
  readonly embed: (texts: string | readonly string[], options?: EmbedOptions) => Promise<EmbedResult>
} {
  const { state, latest, open } = useLatestCall<EmbedResult>(source)
  const embed = (texts: string | readonly string[], options: EmbedOptions = {}) =>
    latest.callModel(open, options, (model, signalled) => model.embed(texts, signalled))
  return { state, embed }
}

/** Writes texts, one at a time; the text so far is in `state`. */
export function useGenerate(source: MaybeRefOrGetter<string>): {
  readonly state: Readonly<ShallowRef<GenerationState>>
  readonly generate: (request: GenerateRequest, options?: RequestOptions) => Promise<PlacedResult>
  readonly stop: () => void
} {
  const runtime = useRuntime()
  const generation = new Generation()
  onScopeDispose(generation.stop)
  const open = () => openModel(runtime, toValue(source)).whenReady()
  return {
    state: follow(() => generation.state),
    generate: (request, options) => generation.generate(open, request, options),
    stop: generation.stop,
  }
}

/** The runtime's stats, at most four times a second while requests run. */
export function useRuntimeStats(): Readonly<ShallowRef<RuntimeStats | undefined>> {
  const stats = observeStats(useRuntime())
  return follow(() => stats)
}

export type { CallState, GenerationState, ModelState }

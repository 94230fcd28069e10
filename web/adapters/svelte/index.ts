/** Svelte stores over a runtime: `$store` in a component. They are thin: what they do is in ../state. */
import type { Readable } from 'svelte/store'
import type { Inputs, RunResult } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import type { EmbedOptions, RequestOptions, RunOptions } from '../../api/model-options.ts'
import type { RuntimeStats } from '../../api/stats.ts'
import type { EmbedResult } from '../../text/embed-result.ts'
import type { PlacedResult } from '../../text/generate.ts'
import type { GenerateRequest } from '../../text/tools.ts'
import { Generation, type GenerationState } from '../state/generation-state.ts'
import { type CallState, LatestCall } from '../state/latest-call.ts'
import { type ModelState, openModel } from '../state/model-state.ts'
import type { Observable } from '../state/observable.ts'
import { observeStats } from '../state/stats-state.ts'

/** A store: it calls its listener at once, and with each later value. */
const storeOf = <T>(observable: Observable<T>): Readable<T> => ({
  subscribe: (listener) => {
    listener(observable.value)
    return observable.subscribe(() => listener(observable.value))
  },
})

/** Opens a model, as `runtime.model(source)`, while the store has subscribers. */
export function modelStore(runtime: Runtime, source: string): Readable<ModelState> & { retry(): void } {
  const opened = openModel(runtime, source)
  return { ...storeOf(opened), retry: opened.retry }
}

/** Runs a model; each call aborts the one before, and the result of the latest is in the store. */
export function runStore(
  runtime: Runtime,
  source: string,
): Readable<CallState<RunResult>> & {
  run(inputs: Inputs, options?: RunOptions): Promise<RunResult>
  abort(): void
} {
  const latest = new LatestCall<RunResult>()
  return {
    ...storeOf(latest.state),
    run: (inputs, options = {}) =>
      latest.callModel(openModel(runtime, source).whenReady, options, (model, signalled) =>
        model.run(inputs, signalled),
      ),
    abort: latest.abort,
  }
}

/** Embeds texts; each call aborts the one before, and the vectors of the latest are in the store. */
export function embedStore(
  runtime: Runtime,
  source: string,
): Readable<CallState<EmbedResult>> & {
  embed(texts: string | readonly string[], options?: EmbedOptions): Promise<EmbedResult>
  abort(): void
} {
  const latest = new LatestCall<EmbedResult>()
  return {
    ...storeOf(latest.state),
    embed: (texts, options = {}) =>
      latest.callModel(openModel(runtime, source).whenReady, options, (model, signalled) =>
        model.embed(texts, signalled),
      ),
    abort: latest.abort,
  }
}

/** Writes texts, one at a time; the text so far is in the store. */
export function generationStore(
  runtime: Runtime,
  source: string,
): Readable<GenerationState> & {
  generate(request: GenerateRequest, options?: RequestOptions): Promise<PlacedResult>
  stop(): void
} {
  const generation = new Generation()
  const open = openModel(runtime, source).whenReady
  return {
    ...storeOf(generation.state),
    generate: (request, options) => generation.generate(open, request, options),
    stop: generation.stop,
  }
}

/** The runtime's stats, at most four times a second while requests run. */
export const statsStore = (runtime: Runtime): Readable<RuntimeStats | undefined> =>
  storeOf(observeStats(runtime))

export type { CallState, GenerationState, ModelState }

'use client'
/**
 * React hooks over a runtime. They are thin: what they do is in ../state. On a server that renders the page they give
 * idle states, and nothing runs.
 */
import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react'
import { type Inputs, type RunResult, SpillwayError } from '../../../models/core/index.ts'
import { createRuntime, type Runtime, type RuntimeOptions } from '../../api/create-runtime.ts'
import type { Model } from '../../api/model.ts'
import type { EmbedOptions, RequestOptions, RunOptions } from '../../api/model-options.ts'
import type { RuntimeStats } from '../../api/stats.ts'
import type { EmbedResult } from '../../text/embed-result.ts'
import type { PlacedResult } from '../../text/generate.ts'
import type { GenerateRequest } from '../../text/tools.ts'
import { Generation, type GenerationState } from '../state/generation-state.ts'
import { type CallState, LatestCall } from '../state/latest-call.ts'
import { type ModelState, noModel, openModel } from '../state/model-state.ts'
import type { Observable } from '../state/observable.ts'
import { noStats, observeStats } from '../state/stats-state.ts'

const RuntimeContext = createContext<Runtime | null>(null)

export interface SpillwayProviderProps {
  /** A runtime of the page's own. Without it the provider makes one, and closes it when it is unmounted. */
  readonly runtime?: Runtime
  /** Of the provider's own runtime. Read once: give the provider a `key` to start anew with others. */
  readonly options?: RuntimeOptions
  readonly children?: ReactNode
}

/** Gives a runtime to the hooks below it. Invalid options are thrown to the nearest error boundary. */
export function SpillwayProvider({ runtime, options, children }: SpillwayProviderProps): ReactNode {
  const [firstOptions] = useState(options)
  const [own, setOwn] = useState<{ readonly runtime: Runtime } | { readonly fault: unknown }>()
  useEffect(() => {
    if (runtime) return
    let isMounted = true
    let made: Runtime | undefined
    createRuntime(firstOptions).then(
      (created) => {
        if (!isMounted) return created.close()
        made = created
        setOwn({ runtime: created })
      },
      (fault: unknown) => isMounted && setOwn({ fault }),
    )
    return () => {
      isMounted = false
      made?.close()
      setOwn(undefined)
    }
  }, [runtime, firstOptions])
  if (own && 'fault' in own) throw own.fault
  return createElement(RuntimeContext.Provider, { value: runtime ?? own?.runtime ?? null }, children)
}

/** The runtime of the nearest provider; null until it is made, and on a server. */
export const useRuntime = (): Runtime | null => useContext(RuntimeContext)

const useObserved = <T>(observable: Observable<T>): T => {
  const snapshot = () => observable.value
  return useSyncExternalStore(observable.subscribe, snapshot, snapshot)
}

/** A model's state, with `retry` for one that failed. */
export interface UsedModel extends ModelState {
  readonly retry: () => void
}

/** Opens a model, as `runtime.model(source)`. Components with the same source share it. */
export function useModel(source: string): UsedModel {
  const runtime = useRuntime()
  const opened = useMemo(() => (runtime ? openModel(runtime, source) : undefined), [runtime, source])
  const state = useObserved<ModelState>(opened ?? noModel)
  const retry = useCallback(() => opened?.retry(), [opened])
  return useMemo(() => ({ ...state, retry }), [state, retry])
}

/** Resolves to the model of a source: of a call, which may come before it is open. */
function useOpen(source: string): () => Promise<Model> {
  const runtime = useRuntime()
  return useCallback(async () => {
    if (runtime) return openModel(runtime, source).whenReady()
    throw new SpillwayError('closed', 'There is no runtime', {
      expected: 'a <SpillwayProvider> above this component, whose runtime is made',
    })
  }, [runtime, source])
}

/** The component's latest call, aborted when the component is gone. */
function useLatestCall<Result>(): LatestCall<Result> {
  const [latest] = useState(() => new LatestCall<Result>())
  useEffect(() => latest.abort, [latest])
  return latest
}

export interface UsedRun extends CallState<RunResult> {
  /** As `model.run()`. It aborts the component's run before. */
  readonly run: (inputs: Inputs, options?: RunOptions) => Promise<RunResult>
}

/** Runs a model; the result of the latest run is in the state. */
export function useRun(source: string): UsedRun {
  const open = useOpen(source)
  const latest = useLatestCall<RunResult>()
  const run = useCallback(
    (inputs: Inputs, options: RunOptions = {}) =>
      latest.callModel(open, options, (model, signalled) => model.run(inputs, signalled)),
    [latest, open],
  )
  return { ...useObserved(latest.state), run }
}

export interface UsedEmbed extends CallState<EmbedResult> {
  /** As `model.embed()`. It aborts the component's call before. */
  readonly embed: (texts: string | readonly string[], options?: EmbedOptions) => Promise<EmbedResult>
}

/** Embeds texts; the vectors of the latest call are in the state. */
export function useEmbed(source: string): UsedEmbed {
  const open = useOpen(source)
  const latest = useLatestCall<EmbedResult>()
  const embed = useCallback(
    (texts: string | readonly string[], options: EmbedOptions = {}) =>
      latest.callModel(open, options, (model, signalled) => model.embed(texts, signalled)),
    [latest, open],
  )
  return { ...useObserved(latest.state), embed }
}

export interface UsedGenerate extends GenerationState {
  /** As `model.generate()`; the text so far is in the state. It ends the component's text before. */
  readonly generate: (request: GenerateRequest, options?: RequestOptions) => Promise<PlacedResult>
  readonly stop: () => void
}

/** Writes texts, one at a time. */
export function useGenerate(source: string): UsedGenerate {
  const open = useOpen(source)
  const [generation] = useState(() => new Generation())
  useEffect(() => generation.stop, [generation])
  const generate = useCallback(
    (request: GenerateRequest, options?: RequestOptions) => generation.generate(open, request, options),
    [generation, open],
  )
  return { ...useObserved(generation.state), generate, stop: generation.stop }
}

/** The runtime's stats, at most four times a second while requests run; undefined where there is no runtime. */
export function useRuntimeStats(): RuntimeStats | undefined {
  const runtime = useRuntime()
  return useObserved(useMemo(() => (runtime ? observeStats(runtime) : noStats), [runtime]))
}

export type { CallState, GenerationState, ModelState }

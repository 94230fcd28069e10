import { SpillwayError } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import type { Model } from '../../api/model.ts'
import type { Progress } from '../../store/worker/load-files.ts'
import { type Observable, Observed } from './observable.ts'

/** A model on its way to a component. */
export interface ModelState {
  /** `idle`: there is no runtime yet, as on a server that renders the page. */
  readonly status: 'idle' | 'opening' | 'ready' | 'failed'
  /** Once it is `ready`: the server may answer while the device still loads it. */
  readonly model: Model | undefined
  /** Of the device's download and load, also after `ready`. */
  readonly progress: Progress | undefined
  readonly error: SpillwayError | undefined
}

/** A model that components observe. It is opened for the first of them. */
export interface OpenedModel extends Observable<ModelState> {
  /** Resolves to the model. @throws SpillwayError Why it cannot be opened. */
  whenReady(): Promise<Model>
  /** Opens it again after a failure. */
  retry(): void
}

const idle: ModelState = { status: 'idle', model: undefined, progress: undefined, error: undefined }

/** What components without a runtime get. */
export const noModel: Observable<ModelState> = new Observed(idle)

const opened = new WeakMap<Runtime, Map<string, OpenedModel>>()

/** The model of a source: all components with the same runtime and source share it. */
export function openModel(runtime: Runtime, source: string): OpenedModel {
  let models = opened.get(runtime)
  if (!models) {
    models = new Map()
    opened.set(runtime, models)
  }
  let model = models.get(source)
  if (!model) {
    model = createOpenedModel(runtime, source)
    models.set(source, model)
  }
  return model
}

function createOpenedModel(runtime: Runtime, source: string): OpenedModel {
  let opening: Promise<Model> | undefined
  let controller = new AbortController()
  const state = new Observed<ModelState>(idle, () => {
    void open().catch(() => undefined)
    return () => {
      // Nobody waits for the download any more. A model that is ready stays.
      if (state.value.status !== 'opening') return
      controller.abort()
      opening = undefined
      state.value = idle
    }
  })
  const open = (): Promise<Model> => {
    opening ??= start()
    return opening
  }
  const start = async (): Promise<Model> => {
    controller = new AbortController()
    const { signal } = controller
    const update = (change: Partial<ModelState>) => {
      if (!signal.aborted) state.value = { ...state.value, ...change }
    }
    update({ ...idle, status: 'opening' })
    try {
      const model = await runtime.model(source, { signal, onProgress: (progress) => update({ progress }) })
      update({ status: 'ready', model })
      return model
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', `${source} could not be opened`)
      update({ status: 'failed', error })
      throw error
    }
  }
  return {
    get value() {
      return state.value
    },
    subscribe: state.subscribe,
    whenReady: open,
    retry: () => {
      if (state.value.status !== 'failed') return
      opening = undefined
      void open().catch(() => undefined)
    },
  }
}

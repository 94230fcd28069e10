import { proxy, type Remote, wrap } from 'comlink'
import { withAbort } from '../../../models/async/abort.ts'
import { type Outcome, outcome, unwrap } from '../../../models/async/outcome.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { createWorker } from '../../../workers/host/lane-client/browser/create-worker.ts'
import { fileAddress } from '../../../workers/host/lane-client/browser/file-address.ts'
import { persistQuietly } from '../storage/persist-quietly.ts'
import type { ModelFiles, Progress } from './load-files.ts'
import type { LoadFilesWatcher, StoreWorkerApi } from './protocol.ts'
import workerUrl from './store-entry.ts?worker&url'
import { storeFiles } from './store-files.ts'

interface Started {
  readonly api: Remote<StoreWorkerApi>
  /** Rejects the requests in flight when the worker ends. */
  readonly pending: Set<(reason: SpillwayError) => void>
  end(reason: SpillwayError): void
}

/** The page's handle of the store's worker, which starts with the first request, and again after it failed. */
export class StoreWorker {
  #started: Started | undefined
  #closed: SpillwayError | undefined
  #count = 0
  #runtime: Promise<WebAssembly.Module> | undefined

  /**
   * The verified bytes of a model's files, in their order: from the store, or downloaded and stored.
   *
   * @throws SpillwayError As `loadFile`; `lane_failed` where the page may not start workers, or the worker ends.
   */
  async loadFiles(
    { model, files, needsRuntime = false }: ModelFiles & { readonly needsRuntime?: boolean },
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<ArrayBuffer[]> {
    const started = this.#start()
    const id = ++this.#count
    const watcher: LoadFilesWatcher = {
      request: (index) =>
        outcome(async () => {
          const file = files[index]
          if (!file) throw new SpillwayError('internal', `There is no file ${index} in the request`)
          const { url, headers = {} } = await file.request()
          return { href: url.href, headers }
        }),
      progress: (progress) => {
        if (!signal?.aborted) onProgress?.(progress)
      },
    }
    const described = files.map(({ path, key, size }) => ({ path, key, size }))
    try {
      const request = { id, model, files: described, needsRuntime }
      const work = call(started, (api) => api.loadFiles(request, proxy(watcher)))
      const loaded = await withAbort(signal, work)
      void persistQuietly()
      return loaded
    } catch (cause) {
      if (signal?.aborted) void started.api.abort(id)
      throw cause
    }
  }

  /**
   * ONNX Runtime's WebAssembly, compiled, for all lanes: from the store, or downloaded and stored.
   *
   * @throws SpillwayError As `loadFiles`.
   */
  runtime(): Promise<WebAssembly.Module> {
    this.#runtime ??= this.#loadRuntime().catch((cause: unknown) => {
      // The next lane asks again.
      this.#runtime = undefined
      throw cause
    })
    return this.#runtime
  }

  close(): void {
    this.#closed = new SpillwayError('closed', 'The store was closed')
    this.#started?.end(this.#closed)
  }

  async #loadRuntime(): Promise<WebAssembly.Module> {
    return call(this.#start(), (api) => api.loadRuntime())
  }

  #start(): Started {
    if (this.#closed) throw this.#closed
    if (this.#started) return this.#started
    try {
      const { worker, terminate, endReason } = createWorker(
        new URL(fileAddress(workerUrl)),
        'spillway store',
        storeFiles(),
      )
      const pending: Started['pending'] = new Set()
      const started: Started = {
        api: wrap<StoreWorkerApi>(worker),
        pending,
        end: (reason) => {
          if (this.#started === started) this.#started = undefined
          terminate()
          for (const reject of pending) reject(reason)
        },
      }
      const fail = (why: string) =>
        started.end(new SpillwayError('lane_failed', `The store's worker ended: ${why}`))
      worker.addEventListener('error', (event) => fail(endReason(event)))
      worker.addEventListener('messageerror', () => fail('a message could not be read'))
      this.#started = started
      return started
    } catch (cause) {
      // A page's content policy may forbid the worker.
      throw SpillwayError.from(cause, 'lane_failed', "The store's worker could not be started")
    }
  }
}

/** A call of the worker's, which rejects when the worker ends. */
function call<T>(
  { api, pending }: Started,
  send: (api: Remote<StoreWorkerApi>) => Promise<Outcome<T>>,
): Promise<T> {
  let settle = () => false
  const reply = new Promise<T>((resolve, reject) => {
    pending.add(reject)
    settle = () => pending.delete(reject)
    send(api)
      .then((outcome) => resolve(unwrap(outcome)))
      .catch(reject)
  })
  return reply.finally(() => settle())
}

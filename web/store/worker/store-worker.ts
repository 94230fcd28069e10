import { proxy, type Remote, wrap } from 'comlink'
import { withAbort } from '../../../models/async/abort.ts'
import { outcome, unwrap } from '../../../models/async/outcome.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { createWorker } from '../../../workers/host/lane-client/browser/create-worker.ts'
import { persistQuietly } from '../storage/model-storage.ts'
import workerUrl from './entry.ts?worker&url'
import type { ModelFiles, Progress } from './load-files.ts'
import type { LoadFilesWatcher, StoreWorkerApi } from './protocol.ts'

interface Started {
  readonly api: Remote<StoreWorkerApi>
  /** Requests that wait, to be told when the worker ends. */
  readonly waiting: Set<(reason: SpillwayError) => void>
  end(reason: SpillwayError): void
}

/** The store's worker, seen from the page: started when files are first wanted, and anew when it failed. */
export class StoreWorker {
  #started: Started | undefined
  #closed: SpillwayError | undefined
  #count = 0

  /**
   * The verified bytes of a model's files, in their order: from the store, else fetched and kept.
   *
   * @throws SpillwayError What kept a file from being had; `lane_failed` where the page may not start workers.
   */
  async loadFiles(
    { model, files }: ModelFiles,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<ArrayBuffer[]> {
    const started = this.#start()
    const id = ++this.#count
    const watcher: LoadFilesWatcher = {
      request: (index) =>
        outcome(async () => {
          const file = files[index]
          if (!file) throw new SpillwayError('internal', `No file ${index} was wanted`)
          const { url, headers = {} } = await file.request()
          return { href: url.href, headers }
        }),
      progress: (progress) => {
        if (!signal?.aborted) onProgress?.(progress)
      },
    }
    const wanted = files.map(({ path, key, size }) => ({ path, key, size }))
    let settle = () => false
    try {
      const work = new Promise<ArrayBuffer[]>((resolve, reject) => {
        started.waiting.add(reject)
        settle = () => started.waiting.delete(reject)
        started.api
          .loadFiles({ id, model, files: wanted }, proxy(watcher))
          .then((reply) => resolve(unwrap(reply)))
          .catch(reject)
      })
      const loaded = await withAbort(signal, work)
      void persistQuietly()
      return loaded
    } catch (cause) {
      if (signal?.aborted) void started.api.abort(id)
      throw cause
    } finally {
      settle()
    }
  }

  close(): void {
    this.#closed = new SpillwayError('closed', 'The store was closed')
    this.#started?.end(this.#closed)
  }

  #start(): Started {
    if (this.#closed) throw this.#closed
    if (this.#started) return this.#started
    try {
      const { worker, terminate } = createWorker(new URL(workerUrl, import.meta.url), 'spillway store')
      const waiting: Started['waiting'] = new Set()
      const started: Started = {
        api: wrap<StoreWorkerApi>(worker),
        waiting,
        end: (reason) => {
          if (this.#started === started) this.#started = undefined
          terminate()
          for (const reject of waiting) reject(reason)
        },
      }
      const fail = (why: string) =>
        started.end(new SpillwayError('lane_failed', `The store's worker ended: ${why}`))
      worker.addEventListener('error', (event) => fail(event.message || 'its script did not load'))
      worker.addEventListener('messageerror', () => fail('a message could not be read'))
      this.#started = started
      return started
    } catch (cause) {
      // A page's content policy may forbid the worker.
      throw SpillwayError.from(cause, 'lane_failed', "The store's worker could not be started")
    }
  }
}

import { abortedBy } from '../../../models/async/abort.ts'
import type { SpillwayError } from '../../../models/core/index.ts'
import type { Lanes } from './lanes.ts'
import type { BatchedModel } from './work.ts'

interface Preparation<S extends BatchedModel> {
  readonly source: S
  start(): void
  cancel(reason: SpillwayError): void
}

/** Models that wait to be loaded, each until a lane is free for it. */
export class Preparations<S extends BatchedModel> {
  readonly #lanes: Lanes<S>
  readonly #onEnd: () => void
  readonly #waiting: Preparation<S>[] = []

  /** @param onEnd Called when a lane has loaded a model, or failed to. */
  constructor(lanes: Lanes<S>, onEnd: () => void) {
    this.#lanes = lanes
    this.#onEnd = onEnd
  }

  get size(): number {
    return this.#waiting.length
  }

  add(source: S, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const preparation: Preparation<S> = {
        source,
        start: () => {
          signal?.removeEventListener('abort', abort)
          this.#lanes.prepare(source).then(resolve, reject).finally(this.#onEnd)
        },
        cancel: (reason) => {
          signal?.removeEventListener('abort', abort)
          reject(reason)
        },
      }
      const abort = () => {
        const position = this.#waiting.indexOf(preparation)
        if (position >= 0) this.#waiting.splice(position, 1)
        if (signal) reject(abortedBy(signal))
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.push(preparation)
    })
  }

  startWhereFree(): void {
    for (const preparation of [...this.#waiting]) {
      if (this.#lanes.free(preparation.source) === 0) continue
      this.#waiting.splice(this.#waiting.indexOf(preparation), 1)
      preparation.start()
    }
  }

  cancel(reason: SpillwayError): void {
    for (const { cancel } of this.#waiting.splice(0)) cancel(reason)
  }
}

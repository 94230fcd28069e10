import { SpillwayError, type Tensor } from '../../../models/core/index.ts'
import type { Runtime } from '../../api/create-runtime.ts'
import { largestIndex } from '../../drawing/probabilities.ts'
import { LatestTask } from '../../view/latest-task.ts'
import { pause, retryDelayMs } from '../recogniser.ts'
import type { Cell } from './wall.ts'

export interface WallWatcher {
  /** A digit was read. */
  read(index: number): void
  /** All were read, so many milliseconds after the first was asked for. */
  ended(ms: number): void
  failed(error: SpillwayError): void
}

/** Reads all digits of the wall at once, each by a call of its own. A wall that changes meanwhile is read again. */
export class WallReader {
  readonly #runtime: Runtime
  readonly #cells: readonly Cell[]
  readonly #watcher: WallWatcher
  readonly #latest = new LatestTask((signal) => this.#attempt(signal))

  constructor(runtime: Runtime, cells: readonly Cell[], watcher: WallWatcher) {
    this.#runtime = runtime
    this.#cells = cells
    this.#watcher = watcher
  }

  read(): void {
    this.#latest.request()
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    try {
      const model = await this.#runtime.model('digits')
      const startedAt = performance.now()
      const reading = this.#cells.map(async (cell, index) => {
        const { outputs, placement } = await model.run({ image: cell.image }, { signal })
        cell.reading = { digit: largestIndex(numbersOf(outputs.logits)), tier: placement.tier }
        this.#watcher.read(index)
      })
      await Promise.all(reading)
      this.#watcher.ended(performance.now() - startedAt)
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', 'The page failed')
      this.#watcher.failed(error)
      // A wall that is dragged over asks again with every frame.
      await pause(Math.max(retryDelayMs, error.detail.retryAfterMs ?? 0), signal)
    }
  }
}

export const numbersOf = (tensor: Tensor | undefined): number[] =>
  Array.from<unknown, number>(tensor?.data ?? [], Number)

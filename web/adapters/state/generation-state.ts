import type { Placement } from '../../../models/core/index.ts'
import type { Model } from '../../api/model.ts'
import type { RequestOptions } from '../../api/model-options.ts'
import type { PlacedResult } from '../../text/generate.ts'
import type { GenerateRequest } from '../../text/tools.ts'
import { type CallState, eitherOf, LatestCall } from './latest-call.ts'
import { Observed } from './observable.ts'

/** A text as it is written. */
export interface GenerationState extends CallState<PlacedResult> {
  /** So far; of the last text where none is written. */
  readonly text: string
  /** Where its last piece was written. */
  readonly placement: Placement | undefined
}

/** The texts of one component, one after the other. */
export class Generation {
  readonly #call = new LatestCall<PlacedResult>()
  readonly state = new Observed<GenerationState>({
    ...this.#call.state.value,
    text: '',
    placement: undefined,
  })

  /** Writes a text, and ends the one before. @throws SpillwayError As `model.generate()`; `aborted` after `stop()`. */
  async generate(
    open: () => Promise<Model>,
    request: GenerateRequest,
    options: RequestOptions = {},
  ): Promise<PlacedResult> {
    let text = ''
    const unsubscribe = this.#call.state.subscribe(() => {
      this.state.value = { ...this.state.value, ...this.#call.state.value }
    })
    try {
      return await this.#call.call(async (signal) => {
        this.state.value = { ...this.state.value, text, placement: undefined }
        const model = await open()
        const stream = model.generate(request, { ...options, signal: eitherOf(signal, options.signal) })
        for await (const piece of stream) {
          if (signal.aborted) break
          text += piece.text
          this.state.value = { ...this.state.value, text, placement: piece.placement }
        }
        return stream.result
      })
    } finally {
      unsubscribe()
    }
  }

  readonly stop = this.#call.abort
}

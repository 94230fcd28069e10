import { SpillwayError } from '../../../models/core/index.ts'
import type { Model } from '../../api/model.ts'
import type { RequestOptions } from '../../api/model-options.ts'
import { Observed } from './observable.ts'

/** The latest of a component's calls, and the last result that one of them had. */
export interface CallState<Result> {
  readonly isPending: boolean
  /** Stays until the next result: a component shows it while the next call runs. */
  readonly result: Result | undefined
  /** Of the latest call. */
  readonly error: SpillwayError | undefined
}

/** Calls of one component, of which only the latest counts: each aborts the one before. */
export class LatestCall<Result> {
  readonly state = new Observed<CallState<Result>>({ isPending: false, result: undefined, error: undefined })
  #controller: AbortController | undefined

  /**
   * Calls, and aborts the call before.
   *
   * @throws SpillwayError As the call; `aborted` where a later call or `abort()` has ended it.
   */
  async call(perform: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    this.#controller?.abort()
    const controller = new AbortController()
    this.#controller = controller
    const update = (change: Partial<CallState<Result>>) => {
      if (this.#controller === controller) this.state.value = { ...this.state.value, ...change }
    }
    update({ isPending: true, error: undefined })
    try {
      const result = await perform(controller.signal)
      update({ isPending: false, result })
      return result
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', 'The call failed')
      update({ isPending: false, error: controller.signal.aborted ? undefined : error })
      throw error
    }
  }

  /** Calls a model, once it is open, with the options' signal and the call's own as one. @throws SpillwayError As `call`. */
  callModel<Options extends RequestOptions>(
    open: () => Promise<Model>,
    options: Options,
    perform: (model: Model, options: Options & { readonly signal: AbortSignal }) => Promise<Result>,
  ): Promise<Result> {
    return this.call(async (signal) =>
      perform(await open(), { ...options, signal: eitherOf(signal, options.signal) }),
    )
  }

  /** Ends the latest call, as a component does that is gone. */
  readonly abort = (): void => this.#controller?.abort()
}

/** A signal that fires with the first of two. */
export const eitherOf = (one: AbortSignal, other: AbortSignal | undefined): AbortSignal =>
  other ? AbortSignal.any([one, other]) : one

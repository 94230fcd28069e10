import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { withTimeout } from '../../models/async/timeouts.ts'
import { UnansweredCalls } from '../../models/async/unanswered-calls.ts'
import {
  type CheckedInputs,
  checkOutputNames,
  checkSessionInputs,
  defaultTensor,
  type Inputs,
  type Manifest,
  type RunResult,
  SpillwayError,
  type StateSpec,
  type Tensor,
} from '../../models/core/index.ts'
import { pastDeadline } from '../../workers/host/scheduler/errors.ts'
import type { PlacementOptions } from '../placement/placement-resolver.ts'
import { sessionClosed, withoutState } from './session-errors.ts'

/**
 * Keeps the state on the page's thread and sends it with each run as an ordinary tensor. So the state survives every
 * lane, and each run may go to whichever lane or tier suits it best.
 */
export class StatefulSession {
  readonly #manifest: Manifest
  readonly #states: readonly StateSpec[]
  readonly #runOnce: (inputs: CheckedInputs, options: PlacementOptions) => Promise<RunResult>
  readonly #clock: Clock
  readonly #maxQueued: number
  readonly #unanswered = new UnansweredCalls(sessionClosed)
  #state: Readonly<Record<string, Tensor>> | undefined
  #rows: number | undefined
  /** Settles when all runs so far have settled; never rejects. */
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  /**
   * @param maxQueued The most runs that wait for earlier ones: with more, the sequence comes faster than the model runs.
   * @throws SpillwayError `not_supported` where the model has no state.
   */
  constructor(
    manifest: Manifest,
    runOnce: (inputs: CheckedInputs, options: PlacementOptions) => Promise<RunResult>,
    clock: Clock,
    maxQueued = 1_024,
  ) {
    if (!manifest.state) throw withoutState(manifest)
    this.#manifest = manifest
    this.#states = manifest.state
    this.#runOnce = runOnce
    this.#clock = clock
    this.#maxQueued = maxQueued
  }

  /** @param names The outputs to return; all where undefined. */
  run(inputs: Inputs, options: PlacementOptions, names?: readonly string[]): Promise<RunResult> {
    try {
      const checked = this.#check(inputs, names)
      return this.#unanswered.trackAbortable(options.signal, (signal) =>
        this.#runInTurn(checked, { ...options, signal }),
      )
    } catch (cause) {
      return Promise.reject(cause)
    }
  }

  close(): void {
    this.#closed = true
    this.#state = undefined
    this.#unanswered.close()
  }

  #check(inputs: Inputs, names: readonly string[] | undefined): CheckedInputs {
    if (this.#closed) throw sessionClosed()
    const checked = checkSessionInputs(this.#manifest, inputs)
    const rows = this.#rows ?? checked.rows
    if (checked.rows !== rows) {
      throw new SpillwayError(
        'input_shape_invalid',
        `All runs of a session of ${this.#manifest.id} have the same number of rows`,
        {
          expected: `${rows}, as in its first run`,
          got: `${checked.rows}`,
          hint: 'Create a session for each sequence.',
        },
      )
    }
    const waiting = this.#unanswered.size
    if (waiting >= this.#maxQueued) {
      throw new SpillwayError('overloaded', `The queue of a session of ${this.#manifest.id} is full`, {
        expected: `fewer than ${this.#maxQueued} runs waiting`,
        got: `${waiting}`,
        hint: 'Wait for earlier runs before you start more, or set maxQueued of createRuntime().',
      })
    }
    const outputs = names && this.#withState(names)
    this.#rows = rows
    return outputs ? { ...checked, outputs } : checked
  }

  /** The outputs that the caller asks for, and those that the next run needs. */
  #withState(names: readonly string[]): readonly string[] {
    const states = this.#states.map(({ output }) => output)
    const shown = this.#manifest.outputs.map(({ name }) => name).filter((name) => !states.includes(name))
    checkOutputNames(this.#manifest, names, shown)
    return [...names, ...states]
  }

  async #runInTurn(
    inputs: CheckedInputs,
    options: PlacementOptions & { readonly signal: AbortSignal },
  ): Promise<RunResult> {
    const { signal, deadlineMs } = options
    const askedAt = this.#clock.now()
    const before = this.#last
    const answer = withAbort(signal, this.#withTimeout(deadlineMs, before)).then(() => {
      const waitedMs = this.#clock.now() - askedAt
      return this.#runNow(inputs, options, waitedMs)
    })
    // A run that is aborted while it waits must not let later runs overtake earlier ones.
    this.#last = before.then(() => answer).catch(() => undefined)
    return answer
  }

  #withTimeout(deadlineMs: number | undefined, before: Promise<unknown>): Promise<unknown> {
    if (deadlineMs === undefined) return before
    return withTimeout(this.#clock, deadlineMs, before, () =>
      pastDeadline(deadlineMs, this.#unanswered.size - 1),
    )
  }

  async #runNow(inputs: CheckedInputs, options: PlacementOptions, waitedMs: number): Promise<RunResult> {
    const { deadlineMs } = options
    const state = this.#state ?? this.#initialState(inputs.rows)
    const { outputs, placement, timings } = await this.#runOnce(
      { ...inputs, tensors: { ...inputs.tensors, ...state } },
      deadlineMs === undefined ? options : { ...options, deadlineMs: deadlineMs - waitedMs },
    )
    const [shown, next] = this.#splitState(outputs)
    this.#state = next
    const { totalMs, queueMs, computeMs } = timings
    return {
      outputs: shown,
      placement,
      timings: { totalMs: totalMs + waitedMs, queueMs: queueMs + waitedMs, computeMs },
    }
  }

  #initialState(rows: number): Record<string, Tensor> {
    const state: Record<string, Tensor> = {}
    for (const spec of this.#manifest.inputs) {
      if (this.#states.some(({ input }) => input === spec.name))
        state[spec.name] = defaultTensor(this.#manifest, spec, rows)
    }
    return state
  }

  /** The outputs for the caller, and the state as inputs of the next run. */
  #splitState(outputs: Readonly<Record<string, Tensor>>): [Record<string, Tensor>, Record<string, Tensor>] {
    const shown: Record<string, Tensor> = {}
    const next: Record<string, Tensor> = {}
    for (const [name, tensor] of Object.entries(outputs)) {
      const state = this.#states.find(({ output }) => output === name)
      if (state) next[state.input] = tensor
      else shown[name] = tensor
    }
    return [shown, next]
  }
}

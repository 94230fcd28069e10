import {
  checkInputs,
  type Inputs,
  type Manifest,
  type Policy,
  type RunResult,
  SpillwayError,
} from '../models/index.ts'
import type { Priority } from '../workers/scheduler/work.ts'
import { checkPolicy } from './policy.ts'
import type { Router } from './router/router.ts'
import type { Progress } from './store/obtain.ts'

export interface ModelOptions {
  readonly signal?: AbortSignal
  /** Bytes of all files together, those from the store included. */
  readonly onProgress?: (progress: Progress) => void
}

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Milliseconds within which the answer is wanted; past it the request is rejected as `deadline_exceeded`. */
  readonly deadlineMs?: number
  /** Where this request may run; the runtime's policy where it does not say. */
  readonly policy?: Policy
  /** Who goes first among those that wait. Default `normal`. */
  readonly priority?: Priority
}

export interface Model {
  readonly manifest: Manifest
  /**
   * Loads the model on the device, if it is not yet. Requests need not wait for it: policy `auto` lets the server
   * answer meanwhile.
   *
   * @throws SpillwayError What keeps it from the device.
   */
  load(options?: ModelOptions): Promise<void>
  /**
   * Runs the model. Inputs are read when the request is sent to a lane or the server: leave their arrays
   * unchanged until the promise settles.
   *
   * @param inputs By input name: a typed array (one row, shaped as the manifest says) or `{ data, shape }`.
   * @throws SpillwayError `input_*` where the inputs are not what the manifest says; `deadline_exceeded`,
   * `aborted`, `overloaded`; or what kept the request from every tier that the policy allows.
   */
  run(inputs: Inputs, options?: RunOptions): Promise<RunResult>
}

export const createModel = (manifest: Manifest, router: Router, runtimePolicy: () => Policy): Model => ({
  manifest,
  load: ({ signal, onProgress } = {}) => router.load(manifest, signal, onProgress),
  run: (inputs, options) => {
    // Not an async function: what it adds to each call is more than all of the routing.
    try {
      checkDeadline(options?.deadlineMs)
      const policy = options?.policy === undefined ? runtimePolicy() : checkPolicy(options.policy)
      return router.run(
        manifest,
        checkInputs(manifest, inputs),
        options ? { ...options, policy } : { policy },
      )
    } catch (cause) {
      return Promise.reject(cause)
    }
  },
})

function checkDeadline(deadlineMs: number | undefined): void {
  if (deadlineMs === undefined || (Number.isFinite(deadlineMs) && deadlineMs > 0)) return
  throw new SpillwayError('input_value_invalid', 'deadlineMs is wrong', {
    expected: 'milliseconds above zero',
    got: String(deadlineMs),
  })
}

import { checkInputs, type Inputs, type Manifest, type Policy, type RunResult } from '../models/index.ts'
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
}

export interface Model {
  readonly manifest: Manifest
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
  run: async (inputs, { signal, deadlineMs, policy } = {}) =>
    router.run(manifest, checkInputs(manifest, inputs), {
      signal,
      deadlineMs,
      policy: policy === undefined ? runtimePolicy() : checkPolicy(policy),
    }),
})

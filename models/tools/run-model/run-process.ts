import type { WireError } from '../../core/error.ts'
import type { LoadOptions, Runnable, Tensors } from './runtime.ts'

/** The command sets it to its own script. In the process that runs a model it is `serveRunsValue`. */
export const runsVariable = 'SPILLWAY_RUNS'
export const serveRunsValue = 'serve'

/** A message to the process that runs a model. */
export type RunRequest = { readonly id: number } & RunWork

export type RunWork =
  | { readonly load: { readonly path: string; readonly options: LoadOptions } }
  | { readonly run: Tensors }

/** Its answer to the request with the same id. */
export interface RunReply {
  readonly id: number
  readonly loaded?: Pick<Runnable, 'inputNames' | 'outputNames' | 'outputTypes'>
  readonly outputs?: Tensors
  readonly error?: WireError
}

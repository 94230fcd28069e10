import type { WireError } from '../../models/core/index.ts'
import type { TaskName } from './tasks.ts'

/** What the server's thread sends to the offload thread: one task at a time. */
export interface TaskMessage {
  readonly name: TaskName
  readonly input: unknown
}

/** The offload thread's answer to the task at hand: `failure` is a fault of the server's own code. */
export type TaskReply =
  | { readonly value: unknown }
  | { readonly error: WireError }
  | { readonly failure: Error }

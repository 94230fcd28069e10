import { SpillwayError, type WireError } from '../core/error.ts'

/** The outcome of a call to a worker. Errors cross as values, because comlink drops an error's code. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: WireError }

/** Runs `work` and returns its outcome in a form that a message can carry. */
export async function outcome<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (cause) {
    return { ok: false, error: SpillwayError.from(cause, 'internal', 'The worker failed').toWire() }
  }
}

/** @throws SpillwayError The error of the other side. */
export function unwrap<T>(reply: Outcome<T>): T {
  if (reply.ok) return reply.value
  throw SpillwayError.fromWire(reply.error)
}

import { SpillwayError, type WireError } from '../core/error.ts'

/** Nothing is thrown across the edge: comlink keeps an error's message, and drops its code. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: WireError }

/** What `work` comes to, fit to cross a worker's edge. */
export async function outcome<T>(work: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (cause) {
    return { ok: false, error: SpillwayError.from(cause, 'internal', 'The worker failed').toWire() }
  }
}

/** @throws SpillwayError What the other side threw. */
export function unwrap<T>(reply: Outcome<T>): T {
  if (reply.ok) return reply.value
  throw SpillwayError.fromWire(reply.error)
}

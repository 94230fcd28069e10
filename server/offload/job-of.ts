import type { Context } from 'hono'
import { disconnectSignal } from '../http/disconnect-signal.ts'
import type { Variables } from '../http/request-log.ts'
import type { Job } from './offload.ts'

/**
 * How a request's task waits.
 *
 * @param arrays Their buffers move to the offload thread: they cannot be read here afterwards.
 */
export const jobOf = (c: Context<{ Variables: Variables }>, arrays: readonly Uint8Array[]): Job => ({
  bytes: arrays.reduce((sum, { byteLength }) => sum + byteLength, 0),
  transfer: arrays.map(({ buffer }) => buffer),
  caller: c.get('caller'),
  signal: disconnectSignal(c),
})

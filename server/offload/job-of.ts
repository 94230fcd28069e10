import type { RequestWait } from '../inference/request-wait.ts'
import type { Job } from './offload.ts'

/**
 * How a request's task waits.
 *
 * @param arrays Their buffers move to the offload thread: they cannot be read here afterwards.
 */
export const jobOf = (wait: RequestWait, arrays: readonly Uint8Array[]): Job => ({
  ...wait,
  bytes: arrays.reduce((sum, { byteLength }) => sum + byteLength, 0),
  transfer: arrays.map(({ buffer }) => buffer),
})

import type { RequestWait } from '../inference/request-wait.ts'
import type { Job } from './offload.ts'

/**
 * How a request's task waits. It counts what moves to the offload thread: a view's whole buffer, and each buffer once.
 *
 * @param arrays Their buffers move to the offload thread: they cannot be read here afterwards.
 * @param copiedBytes Bytes of the task's strings, which are copied.
 */
export function jobOf(wait: RequestWait, arrays: readonly ArrayBufferView[], copiedBytes = 0): Job {
  const transfer = [...new Set(arrays.map(({ buffer }) => buffer))]
  return {
    ...wait,
    bytes: transfer.reduce((bytes, { byteLength }) => bytes + byteLength, copiedBytes),
    transfer,
  }
}

import type { Writable } from 'node:stream'
import type { Endpoint } from 'comlink'
import { encodeMessage } from './message-codec.ts'
import { lengthBytes, prefixBytes, StreamReader } from './message-reader.ts'

/**
 * The file descriptor of a lane's process for its messages. Node's own channel would copy large arrays three times more,
 * and leave as much garbage.
 */
export const messageDescriptor: number = 5

/** One side of a pipe as comlink's endpoint. Messages arrive in the order in which they were sent. */
export interface PipeEndpoint extends Endpoint {
  /** Takes bytes of the other side. They may be overwritten afterwards. */
  receive(chunk: Uint8Array): void
}

/**
 * @param output Where messages are written; undefined where the process could not be started. Arrays of more than some kilobytes are written from where they are: they must
 * not change until the message is answered.
 */
export function pipeEndpoint(output: Writable | undefined): PipeEndpoint {
  const target = new EventTarget()
  const reader = new StreamReader((data) => target.dispatchEvent(new MessageEvent('message', { data })))
  return {
    postMessage: (message) => {
      // After the lane's end, seen a moment later, its lost calls are settled.
      if (output && !output.destroyed) writeMessage(output, message)
    },
    addEventListener: (type, listener) => target.addEventListener(type, listener),
    removeEventListener: (type, listener) => target.removeEventListener(type, listener),
    receive: (chunk) => reader.push(chunk),
  }
}

function writeMessage(output: Writable, message: unknown): void {
  const { head, arrays } = encodeMessage(message)
  const start = Buffer.allocUnsafe(prefixBytes + arrays.length * lengthBytes + head.length)
  start.writeUint32LE(head.length, 0)
  start.writeUint32LE(arrays.length, 4)
  let at = prefixBytes
  for (const { length } of arrays) at = start.writeDoubleLE(length, at)
  start.set(head, at)
  if (arrays.length === 0) {
    output.write(start)
    return
  }
  output.cork()
  output.write(start)
  for (const array of arrays) output.write(array)
  output.uncork()
}

import type { Readable } from 'node:stream'
import { AsyncQueue } from '../../models/async/async-queue.ts'
import type { Clock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { bodyTooLarge } from '../http/body-too-large.ts'
import { GrowingBuffer } from '../http/growing-buffer.ts'
import { serverDraining } from '../probes.ts'
import { decodeMessage, lengthOf, type MessageReading, messageDecoder, prefixBytes } from './read-message.ts'

export interface StreamReading extends MessageReading {
  readonly clock: Clock
  /** Milliseconds within which a message has to arrive whole, from its first byte on. */
  readonly uploadMs: number
  /** Aborted when the server begins to drain. */
  readonly draining: AbortSignal
}

/**
 * The messages of a streaming call, uncompressed and with their prefixes, read no faster than they are taken.
 *
 * @throws SpillwayError As `readMessage` does; `deadline_exceeded` for a message that does not arrive in time,
 * `server_draining`.
 */
export async function* readMessages(
  body: Readable,
  reading: StreamReading,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decode = messageDecoder(reading)
  const chunks = chunksOf(body, reading.draining)
  let cancelUpload = () => {}
  const late = () =>
    chunks.fail(new SpillwayError('deadline_exceeded', 'A message did not arrive whole in time'))
  try {
    let rest = new GrowingBuffer()
    for await (const chunk of chunks) {
      if (rest.length === 0) cancelUpload = reading.clock.after(reading.uploadMs, late)
      rest.add(chunk)
      for (let bytes = rest.bytes(); bytes.length >= prefixBytes; bytes = rest.bytes()) {
        const length = lengthOf(bytes)
        if (length > reading.maxBytes) throw bodyTooLarge(reading.maxBytes)
        const end = prefixBytes + length
        if (bytes.length < end) break
        cancelUpload()
        rest = new GrowingBuffer()
        if (bytes.length > end) {
          rest.add(bytes.subarray(end))
          cancelUpload = reading.clock.after(reading.uploadMs, late)
        }
        // A copy, which may move to another thread without the messages after it.
        yield await decodeMessage(bytes.slice(0, end), decode, reading)
      }
      body.resume()
    }
    if (rest.length > 0)
      throw new SpillwayError('request_malformed', 'The stream ends in the middle of a message')
  } finally {
    cancelUpload()
  }
}

/** The chunks of a body: one at a time, the next after `resume`. */
function chunksOf(body: Readable, draining: AbortSignal): AsyncQueue<Uint8Array> {
  const onDrain = () => chunks.fail(serverDraining())
  const onData = (chunk: Buffer) => {
    body.pause()
    chunks.push(chunk)
  }
  const onEnd = () => chunks.end()
  const onClose = () => {
    draining.removeEventListener('abort', onDrain)
    chunks.fail(new SpillwayError('aborted', 'The client left'))
  }
  const chunks = new AsyncQueue<Uint8Array>(() => body.pause())
  body.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose)
  draining.addEventListener('abort', onDrain)
  if (draining.aborted) onDrain()
  return chunks
}

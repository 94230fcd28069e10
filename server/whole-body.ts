import type { Readable } from 'node:stream'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { SpillwayError } from '../models/index.ts'

/**
 * A request's body once all of it is here. Read where Node has it: by way of a `Request` it would be copied once more, and
 * one without a length would become a stream, which costs more than most runs do.
 *
 * @throws SpillwayError `body_too_large` as soon as that is known, by the length that is told or by what came;
 * `aborted` where it breaks off, which is its client's leaving, and no fault of the server's.
 */
export async function wholeBody(c: Context, maxBytes: number): Promise<Uint8Array> {
  // Node's parser holds the client to it.
  const length = c.req.header('content-length')
  if (length !== undefined && Number(length) > maxBytes) throw tooLarge(maxBytes)
  // There is no socket where the app is asked in its own process.
  const incoming = (c.env as Partial<HttpBindings> | undefined)?.incoming
  const body = incoming ? await readAll(incoming, maxBytes) : new Uint8Array(await c.req.arrayBuffer())
  if (body.length > maxBytes) throw tooLarge(maxBytes)
  return body
}

function readAll(incoming: Readable, maxBytes: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const stop = (cause: unknown) => {
      incoming.off('data', take)
      incoming.pause()
      reject(cause)
    }
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > maxBytes) stop(tooLarge(maxBytes))
    }
    const close = (cause?: Error) => {
      if (!incoming.readableEnded)
        reject(new SpillwayError('aborted', 'The request broke off', {}, { cause }))
    }
    incoming.on('data', take)
    incoming.on('end', () =>
      resolve(bytesOf(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))),
    )
    incoming.on('error', close)
    incoming.on('close', close)
  })
}

/** The same memory, not as a `Buffer`, whose `slice` is no copy. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Buffer) => new Uint8Array(buffer, byteOffset, byteLength)

const tooLarge = (maxBytes: number) =>
  new SpillwayError('body_too_large', 'The request is too large', {
    expected: `at most ${maxBytes} bytes`,
    hint: 'Send fewer rows at once.',
  })

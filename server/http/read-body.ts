import type { Readable } from 'node:stream'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'

/**
 * A request's body once all of it is here. Read where Node has it: by way of a `Request` it would be copied once more, and
 * one without a length would become a stream, which costs more than most runs do.
 *
 * @throws SpillwayError `body_too_large` as soon as that is known, by the length that is told or by what came;
 * `aborted` where it breaks off, which is its client's leaving, and no fault of the server's.
 */
export async function readBody(c: Context, maxBytes: number): Promise<Uint8Array> {
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
    const body = new Growing()
    const settle = (outcome: () => void) => {
      incoming.off('data', take).off('end', end).off('error', close).off('close', close)
      outcome()
    }
    const take = (chunk: Buffer) => {
      body.add(chunk)
      if (body.length <= maxBytes) return
      incoming.pause()
      settle(() => reject(tooLarge(maxBytes)))
    }
    const end = () => settle(() => resolve(body.bytes()))
    const close = (cause?: Error) =>
      settle(() => reject(new SpillwayError('aborted', 'The request broke off', {}, { cause })))
    incoming.on('data', take).on('end', end).on('error', close).on('close', close)
  })
}

/** Chunks in one piece of memory, as many as they are: a client may send a body byte by byte. */
class Growing {
  /** One chunk, as nearly always, stays where it is. */
  #memory: Uint8Array = new Uint8Array(0)
  length = 0

  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length
    if (this.length === 0) this.#memory = chunk
    else {
      if (length > this.#memory.length) {
        const roomier = new Uint8Array(2 * length)
        roomier.set(this.bytes())
        this.#memory = roomier
      }
      this.#memory.set(chunk, this.length)
    }
    this.length = length
  }

  /** Not as a `Buffer`, whose `slice` is no copy. */
  bytes(): Uint8Array {
    const { buffer, byteOffset } = this.#memory
    return new Uint8Array(buffer, byteOffset, this.length)
  }
}

const tooLarge = (maxBytes: number) =>
  new SpillwayError('body_too_large', 'The request is too large', {
    expected: `at most ${maxBytes} bytes`,
    hint: 'Send fewer rows at once.',
  })

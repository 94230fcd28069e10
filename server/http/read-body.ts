import type { Readable } from 'node:stream'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { SpillwayError } from '../../models/core/index.ts'
import type { CallerShare } from '../../workers/host/scheduler/work.ts'
import { type ArrivingBodies, type ArrivingBody, leastCounted } from './arriving-bodies.ts'
import type { BodyMemory } from './body-memory.ts'
import { bodyTooLarge } from './body-too-large.ts'
import { decoderOf } from './decode-body.ts'
import { GrowingBuffer } from './growing-buffer.ts'
import { stopReading } from './stop-reading.ts'

export interface ReadBodyOptions {
  /** See `GrowingBuffer`. */
  readonly alignedAt?: number
  /** Where the caller gives the body's memory back, and where that of the stream's chunks ends: nobody else may have them. */
  readonly memory?: BodyMemory
  /** Whose body it is, among those on their way; where it is absent, its bytes are bounded alone. */
  readonly arriving?: { readonly bodies: ArrivingBodies; readonly caller: CallerShare } | undefined
}

/**
 * Reads a request's whole body from Node's own stream. A `Request` would copy it once more, and turn a body without a
 * length into a web stream, which costs more than most runs.
 *
 * @throws SpillwayError `body_too_large` as soon as it is known, from the content length or the bytes so far; `overloaded`
 * where the body has to give way to those of other callers;
 * `aborted` when the client leaves in the middle of its body; `encoding_unsupported`, or `request_malformed` for a body
 * that is not in its encoding.
 */
export async function readBody(
  c: Context,
  maxBytes: number,
  options: ReadBodyOptions = {},
): Promise<Uint8Array> {
  // `app.request` in a test has no socket.
  const { incoming, outgoing } = (c.env as Partial<HttpBindings> | undefined) ?? {}
  if (incoming?.readableDidRead || incoming?.readableEnded) throw alreadyRead()
  try {
    const encoding = c.req.header('content-encoding')
    const decode = encoding === undefined ? undefined : decoderOf(encoding)
    // Node's parser never passes on more than this length.
    const length = c.req.header('content-length')
    if (length !== undefined && Number(length) > maxBytes) throw bodyTooLarge(maxBytes)
    const body = incoming
      ? await readAll(incoming, maxBytes, Number(length ?? 0), options)
      : new Uint8Array(await c.req.arrayBuffer())
    if (body.length > maxBytes) throw bodyTooLarge(maxBytes)
    return decode ? await decode(body, maxBytes) : body
  } catch (cause) {
    if (incoming && outgoing && !incoming.complete) stopReading(incoming, outgoing)
    throw cause
  }
}

/** Its end has come, and would be awaited for ever. */
const alreadyRead = () =>
  new SpillwayError('internal', 'The body of the request was read before it came here', {
    hint: 'Mount the server before middleware that reads bodies.',
  })

/** Bytes that are allocated for a body because its header announces them. */
const mostAnnounced = 2 ** 20

/**
 * Reads a stream to its end, with an error as soon as it is too long.
 *
 * @param length That a header announces; 0 where it does not.
 */
export function readAll(
  incoming: Readable,
  maxBytes: number,
  length = 0,
  { alignedAt = 0, memory, arriving }: ReadBodyOptions = {},
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const body = new GrowingBuffer(Math.min(length, mostAnnounced), length, alignedAt, memory)
    const refuse = (reason: SpillwayError) => {
      incoming.pause()
      settle(() => reject(reason))
    }
    let counted: ArrivingBody | undefined
    const settle = (outcome: () => void) => {
      incoming.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose)
      if (counted) arriving?.bodies.ended(counted)
      outcome()
    }
    const onData = (chunk: Buffer) => {
      body.add(chunk)
      if (body.length > maxBytes) refuse(bodyTooLarge(maxBytes))
      else if (arriving && body.length > leastCounted) {
        counted ??= { caller: arriving.caller, refuse }
        arriving.bodies.grew(counted, body.length)
      }
    }
    const onEnd = () => settle(() => resolve(body.bytes()))
    const onClose = (cause?: Error) =>
      settle(() =>
        reject(
          new SpillwayError(
            'aborted',
            'The client closed the connection before its request was complete',
            {},
            { cause },
          ),
        ),
      )
    incoming.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose)
  })
}

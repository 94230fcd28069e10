import type { Readable } from 'node:stream'
import { SpillwayError } from '../../models/core/index.ts'
import { bodyTooLarge } from '../http/body-too-large.ts'
import { type BodyDecoder, decoderOf } from '../http/decode-body.ts'
import { type ReadBodyOptions, readAll } from '../http/read-body.ts'

/** Before each message: whether it is compressed, and its length. */
export const prefixBytes = 5

/** How the messages of a call are read. */
export interface MessageReading {
  /** The header `grpc-encoding`. */
  readonly encoding: string | undefined
  /** Bytes of a message, decoded. */
  readonly maxBytes: number
  /** Checks a message before it is decoded. */
  readonly check: (message: Uint8Array) => void
  /** Whose call it is, among the large bodies on their way. */
  readonly arriving?: ReadBodyOptions['arriving']
}

/** The decoder of compressed messages. @throws SpillwayError `encoding_unsupported`. */
export const messageDecoder = ({ encoding }: MessageReading): BodyDecoder | undefined =>
  encoding === undefined ? undefined : decoderOf(encoding)

/**
 * The one message of a unary call, uncompressed and with its prefix.
 *
 * @throws SpillwayError `body_too_large`, `encoding_unsupported`, `request_malformed`, `aborted`, `overloaded`, or as `check` does.
 */
export async function readMessage(body: Readable, reading: MessageReading): Promise<Uint8Array> {
  const decode = messageDecoder(reading)
  const bytes = await readAll(body, reading.maxBytes + prefixBytes, 0, reading)
  const length = bytes.length < prefixBytes ? undefined : lengthOf(bytes)
  if (length !== undefined && length > reading.maxBytes) throw bodyTooLarge(reading.maxBytes)
  if (length !== bytes.length - prefixBytes)
    throw new SpillwayError('request_malformed', 'The call does not have one whole message', {
      expected: `${length ?? prefixBytes} bytes${length === undefined ? ' of a prefix' : ' after its prefix'}`,
      got: `${bytes.length - (length === undefined ? 0 : prefixBytes)}`,
    })
  return decodeMessage(bytes, decode, reading)
}

export const lengthOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(1)

/** A message without its compression, with a prefix that says so. */
export async function decodeMessage(
  bytes: Uint8Array,
  decode: BodyDecoder | undefined,
  { maxBytes, check }: MessageReading,
): Promise<Uint8Array> {
  const message = bytes.subarray(prefixBytes)
  const flags = bytes[0] ?? 0
  if (flags === 0) {
    check(message)
    return bytes
  }
  if (flags !== 1 || !decode)
    throw new SpillwayError('request_malformed', 'The message has a prefix that is not valid', {
      expected: decode ? '0, or 1 for a compressed message' : '0 in a call without grpc-encoding',
      got: `${flags}`,
    })
  const decoded = await decode(message, maxBytes)
  check(decoded)
  const framed = new Uint8Array(prefixBytes + decoded.length)
  new DataView(framed.buffer).setUint32(1, decoded.length)
  framed.set(decoded, prefixBytes)
  return framed
}

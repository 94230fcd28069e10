import { promisify } from 'node:util'
import { gunzip, inflate, inflateRaw, type ZlibOptions } from 'node:zlib'
import { SpillwayError } from '../../models/core/index.ts'
import { bodyTooLarge } from './body-too-large.ts'

/** Decodes a body, off the main thread. @throws SpillwayError `body_too_large` where the decoded body is too long. */
export type BodyDecoder = (body: Uint8Array, maxBytes: number) => Promise<Uint8Array>

type Decompress = (body: Uint8Array, options: ZlibOptions) => Promise<Buffer>

const fromGzip: Decompress = promisify(gunzip)
const fromZlib: Decompress = promisify(inflate)
const fromRaw: Decompress = promisify(inflateRaw)

/** The compression method in the low bits of a zlib header. Some clients send deflate without that header. */
const deflateMethod = 8

const fromDeflate: Decompress = (body, options) =>
  ((body[0] ?? 0) & 0x0f) === deflateMethod ? fromZlib(body, options) : fromRaw(body, options)

/**
 * The decoder of a `content-encoding`; undefined where the body is as it is.
 *
 * @throws SpillwayError `encoding_unsupported`.
 */
export function decoderOf(encoding: string): BodyDecoder | undefined {
  switch (encoding.trim().toLowerCase()) {
    case '':
    case 'identity':
      return undefined
    case 'gzip':
    case 'x-gzip':
      return decodeBy(fromGzip)
    case 'deflate':
      return decodeBy(fromDeflate)
    default:
      throw new SpillwayError('encoding_unsupported', 'The encoding of the request body is not supported', {
        expected: 'gzip, deflate or identity',
        got: encoding.slice(0, 40),
      })
  }
}

const decodeBy =
  (decompress: Decompress): BodyDecoder =>
  async (body, maxBytes) => {
    try {
      const { buffer, byteOffset, length } = await decompress(body, { maxOutputLength: maxBytes })
      return new Uint8Array(buffer, byteOffset, length)
    } catch (cause) {
      if (isTooLong(cause)) throw bodyTooLarge(maxBytes)
      throw SpillwayError.from(cause, 'request_malformed', 'The request body is not in its content-encoding')
    }
  }

const isTooLong = (cause: unknown) =>
  cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE'

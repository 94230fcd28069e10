/** UTF-8. Every realm has these classes, but ES2023's library does not describe them. */
interface Encoder {
  encode(text: string): Uint8Array<ArrayBuffer>
}

interface Decoder {
  decode(bytes: Uint8Array): string
}

declare const TextEncoder: new () => Encoder
declare const TextDecoder: new (encoding: 'utf-8', options: { fatal: true; ignoreBOM: true }) => Decoder

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const encodeUtf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text)

/** @throws TypeError for bytes that are not UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)

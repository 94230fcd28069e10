import { rawNumber, rawNumberText } from '../../../models/protocols/raw-numbers.ts'

const quote = 0x22
const minus = 0x2d
const point = 0x2e
const zero = 0x30
const nine = 0x39
const capitalE = 0x45
const backslash = 0x5c
const smallE = 0x65

/** Every integer of fewer digits is exact as a double. */
const longDigits = 16

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The same value as `JSON.parse`, except that integers past 2^53 under the key `data` are bigints.
 *
 * @throws SyntaxError As `JSON.parse`.
 */
export function parseExactIntegers(bytes: Uint8Array): unknown {
  const text = markLongIntegers(bytes)
  if (text === undefined) return JSON.parse(decoder.decode(bytes))
  return restore(JSON.parse(text), false)
}

/** The text with its long integers as raw numbers; undefined where it has none. */
function markLongIntegers(bytes: Uint8Array): string | undefined {
  let text = ''
  let from = 0
  let at = 0
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0
    if (byte === quote) at = pastString(bytes, at + 1)
    else if (!isNumberPart(byte)) at++
    else {
      const start = at
      let isInteger = true
      for (; isNumberPart(bytes[at] ?? 0); at++) if (!isDigit(bytes[at] ?? 0) && at > start) isInteger = false
      const first = bytes[start] === minus ? start + 1 : start
      // JSON has no integer that begins with 0 but 0 itself: the parser refuses it.
      if (!isInteger || at - first < longDigits || bytes[first] === zero || bytes[start] === point) continue
      const digits = decoder.decode(bytes.subarray(start, at))
      text += `${decoder.decode(bytes.subarray(from, start))}"${rawNumber(digits)}"`
      from = at
    }
  }
  return from === 0 ? undefined : text + decoder.decode(bytes.subarray(from))
}

const isDigit = (byte: number) => byte >= zero && byte <= nine

const isNumberPart = (byte: number) =>
  isDigit(byte) || byte === minus || byte === point || byte === smallE || byte === capitalE || byte === 0x2b

function pastString(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1
  return at + 1
}

/** Turns raw numbers into bigints in tensors' data, and into numbers elsewhere. */
function restore(value: unknown, isData: boolean): unknown {
  const text = rawNumberText(value)
  if (text !== undefined) {
    const number = Number(text)
    return isData && !Number.isSafeInteger(number) ? BigInt(text) : number
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = restore(value[index], isData)
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) value[key] = restore(value[key], isData || key === 'data')
  }
  return value
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

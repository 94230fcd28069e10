const key = Buffer.from('"timeout"')
const openingBrace = 0x7b
const closingBrace = 0x7d
const backslash = 0x5c

/** Bytes that are looked at on either side of the key: the body may have megabytes. */
const nearby = 256

const keyOfParameters = /"parameters"\s*:\s*$/
const positiveNumber = /^\s*:\s*(\d+(?:\.\d+)?)\s*[,}]/
const endOfRequest = /^\s*\}\s*$/
/** No tensor has a member of these names. */
const memberOfRequest = /^\s*,\s*"(?:id|inputs|outputs)"\s*:/

/**
 * Finds the request's `timeout` in its JSON without parsing it, so that its deadline is known while a large body waits to
 * be parsed. A key that is spelt with escapes is not found.
 *
 * @returns Microseconds; `absent` where the request has none, `unclear` where only a parser can tell.
 */
export function findTimeout(json: Uint8Array): number | 'absent' | 'unclear' {
  const text = Buffer.from(json.buffer, json.byteOffset, json.length)
  const at = text.indexOf(key)
  if (at === -1) return 'absent'
  if (text.indexOf(key, at + 1) !== -1 || text[at - 1] === backslash) return 'unclear'
  const show = (from: number, to: number) => text.toString('latin1', Math.max(0, from), to)
  const opening = text.lastIndexOf(openingBrace, at)
  const closing = text.indexOf(closingBrace, at)
  if (opening === -1 || closing === -1) return 'unclear'
  if (!keyOfParameters.test(show(opening - nearby, opening))) return 'unclear'
  // Tensors have parameters, too. What follows these tells whose they are.
  const after = show(closing + 1, closing + nearby)
  const isEnd = text.length <= closing + nearby && endOfRequest.test(after)
  if (!isEnd && !memberOfRequest.test(after)) return 'unclear'
  const value = positiveNumber.exec(show(at + key.length, Math.min(closing + 1, at + nearby)))?.[1]
  return value === undefined ? 'unclear' : Number(value)
}

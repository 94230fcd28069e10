/** A count with its noun: `1 file`, `2 files`, `1,024 layers`. For nouns whose plural takes an `s`. */
export const countOf = (count: number, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`

/** Characters of a text or of a list that a message shows. */
const maxShown = 60

/** `text`, cut where it is too long for a message. */
export const shorten = (text: string, length = maxShown): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`

/** A value as an error message names it, cut to one short line: `"abc"`, `12`, `an array of 3 elements`. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return shorten(JSON.stringify(value))
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (value === null || typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `an array of ${countOf(value.length, 'element')}`
  const keys = Object.keys(value)
  return keys.length === 0 ? 'an empty object' : `an object with ${shorten(keys.join(', '))}`
}

/** Alternatives as a sentence has them: `a, b or c`. */
export const anyOf = (options: readonly string[]): string =>
  options.length < 2
    ? (options[0] ?? 'nothing')
    : `${options.slice(0, -1).join(', ')} or ${options[options.length - 1]}`

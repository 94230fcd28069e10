/** A count with its noun: `1 file`, `2 files`, `1,024 layers`. For nouns whose plural takes an `s`. */
export const countOf = (count: number, noun: string): string =>
  `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`

/** Longest text inside a message. */
const maxShown = 60

/** `text`, cut at `length` characters. */
export const shorten = (text: string, length = maxShown): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`

/** A value in an error message: `"abc"`, `12`, `an array of 3 elements`. Long values are cut. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return shorten(JSON.stringify(value))
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (value === null || typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `an array of ${countOf(value.length, 'element')}`
  const keys = Object.keys(value)
  return keys.length === 0 ? 'an empty object' : `an object with ${shorten(keys.join(', '))}`
}

/** Alternatives in a sentence: `a, b or c`. */
export const anyOf = (options: readonly string[]): string =>
  options.length < 2
    ? (options[0] ?? 'nothing')
    : `${options.slice(0, -1).join(', ')} or ${options[options.length - 1]}`

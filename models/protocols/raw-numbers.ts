/**
 * Numbers that JSON has and `JSON.stringify` cannot write: integers past 2^53 and the sign of zero. They stand in a value
 * as marked strings until `stringifyJson` takes the quotes off.
 */

/** Nobody outside can guess it, so no string of a request is taken for a number. */
const mark = `number:${Math.random().toString(36).slice(2)}:`
const marked = new RegExp(`"${mark}([^"]*)"`, 'g')

/** A number that is written as the given text. */
export const rawNumber = (text: string): string => mark + text

/** An integer that is written with all of its digits. */
export function exactInteger(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : rawNumber(String(value))
}

/** `JSON.stringify` for values with raw numbers. */
export function stringifyJson(value: unknown): string {
  const text = JSON.stringify(value)
  return text.includes(mark) ? text.replace(marked, '$1') : text
}

/** The text of a raw number; undefined for another value. */
export const rawNumberText = (value: unknown): string | undefined =>
  typeof value === 'string' && value.startsWith(mark) ? value.slice(mark.length) : undefined

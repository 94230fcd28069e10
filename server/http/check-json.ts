import { SpillwayError } from '../../models/core/index.ts'

/** Bounds on the structure of a JSON text: a small body must not keep the event loop busy for long. */
export interface JsonLimits {
  readonly depth: number
  /** Members of all objects together. */
  readonly keys: number
  /** Elements of lists and members of objects together, without those of bulk lists. */
  readonly entries: number
  /** Lists and objects together. */
  readonly lists: number
  /** Keys whose lists may have any number of elements: only the length of the body bounds them. */
  readonly bulkKeys: readonly string[]
}

const quote = 0x22
const comma = 0x2c
const nine = 0x39
const colon = 0x3a
const opening = 0x5b
const backslash = 0x5c
const closing = 0x5d
const openingBrace = 0x7b
const closingBrace = 0x7d

/**
 * Checks the structure of a JSON text in one pass over its bytes, before it is parsed. Text that is not JSON passes or
 * is refused; the parser has the last word.
 *
 * @throws SpillwayError `request_malformed`.
 */
export function checkJson(bytes: Uint8Array, limits: JsonLimits): void {
  if (isWithinByLength(bytes, limits)) return
  let depth = 0
  let keys = 0
  let entries = 0
  let lists = 0
  /** The depth of the elements of the bulk list that is being read; 0 outside of one. */
  let bulkDepth = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    // Digits, signs and spaces are most of a large body.
    if (byte <= nine && byte !== comma && byte !== quote) continue
    if (byte === comma) {
      if (bulkDepth === 0 && ++entries > limits.entries) throw tooLarge('entries', limits.entries)
    } else if (byte === opening || byte === openingBrace) {
      if (++depth > limits.depth) throw tooLarge('levels of lists and objects', limits.depth)
      if (++lists > limits.lists) throw tooLarge('lists and objects', limits.lists)
    } else if (byte === closing || byte === closingBrace) {
      depth--
      if (depth < bulkDepth) bulkDepth = 0
    } else if (byte === colon) {
      if (++keys > limits.keys) throw tooLarge('keys', limits.keys)
    } else if (byte === quote) {
      const end = endOfString(bytes, at + 1)
      if (bulkDepth === 0 && isBulkList(bytes, at + 1, end, limits.bulkKeys)) bulkDepth = depth + 1
      at = end
    }
  }
}

/**
 * Whether the length and the number of brackets alone keep all limits. True for most requests: brackets are searched
 * natively, and no byte is looked at here. An element of a list takes at least two bytes, a member of an object more.
 */
function isWithinByLength(bytes: Uint8Array, { depth, keys, entries, lists }: JsonLimits): boolean {
  if (bytes.length / 2 > Math.min(keys, entries)) return false
  const maxBrackets = Math.min(depth, lists)
  let brackets = 0
  for (const bracket of [opening, openingBrace]) {
    for (let at = bytes.indexOf(bracket); at !== -1; at = bytes.indexOf(bracket, at + 1))
      if (++brackets > maxBrackets) return false
  }
  return true
}

/** The index of the closing quote. */
function endOfString(bytes: Uint8Array, from: number): number {
  // Long strings are searched natively.
  for (let at = from; ; at++) {
    at = bytes.indexOf(quote, at)
    if (at === -1) return bytes.length
    let escapes = 0
    while (at - escapes > from && bytes[at - escapes - 1] === backslash) escapes++
    if (escapes % 2 === 0) return at
  }
}

/** Whether the string is a bulk key, followed by a list. A key that is spelt with escapes is none. */
function isBulkList(bytes: Uint8Array, from: number, end: number, bulkKeys: readonly string[]): boolean {
  const isBulk = bulkKeys.some(
    (key) => key.length === end - from && [...key].every((char, i) => char.charCodeAt(0) === bytes[from + i]),
  )
  if (!isBulk) return false
  const after = skipSpace(bytes, end + 1)
  return bytes[after] === colon && bytes[skipSpace(bytes, after + 1)] === opening
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while ((bytes[at] ?? 0x21) <= 0x20) at++
  return at
}

const tooLarge = (what: string, limit: number) =>
  new SpillwayError('request_malformed', 'The structure of the request is too large', {
    expected: `at most ${limit} ${what}`,
    got: 'more',
  })

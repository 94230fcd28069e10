/** A member of a JSON object, both parts as they are written. */
interface Member {
  readonly name: string
  readonly value: string
}

/** The next character that begins or ends a value's part: numbers and spaces are skipped natively. */
const structural = /["{}[\]]/g

/** The first character that is no part of a number or a word. */
const endOfWord = /[\s,}\]]/g

const space = /\s*/y

/**
 * Replaces members of a JSON object, and adds those that it does not have. All other members stay as they are written: a
 * parser and a writer would change long integers.
 *
 * @param json A valid JSON text of an object.
 * @param replacements The new values as JSON, by name; undefined removes the member.
 */
export function replaceMembers(
  json: string,
  replacements: Readonly<Record<string, string | undefined>>,
): string {
  const missing = new Set(Object.keys(replacements))
  const written: string[] = []
  for (const { name, value } of membersOf(json)) {
    // A name may be spelt with escapes.
    const key: string = JSON.parse(name)
    if (!Object.hasOwn(replacements, key)) written.push(`${name}:${value}`)
    else if (missing.delete(key) && replacements[key] !== undefined)
      written.push(`${name}:${replacements[key]}`)
  }
  for (const key of missing) {
    const value = replacements[key]
    if (value !== undefined) written.push(`${JSON.stringify(key)}:${value}`)
  }
  return `{${written.join(',')}}`
}

function* membersOf(json: string): Generator<Member> {
  let at = skipSpace(json, json.indexOf('{') + 1)
  while (json[at] === '"') {
    const nameEnd = endOfString(json, at)
    const valueAt = skipSpace(json, skipSpace(json, nameEnd) + 1)
    const valueEnd = endOfValue(json, valueAt)
    yield { name: json.slice(at, nameEnd), value: json.slice(valueAt, valueEnd) }
    at = skipSpace(json, skipSpace(json, valueEnd) + 1)
  }
}

function skipSpace(json: string, from: number): number {
  space.lastIndex = from
  space.exec(json)
  return space.lastIndex
}

/** @param from The opening quote. @returns The index after the closing one. */
function endOfString(json: string, from: number): number {
  for (let at = from + 1; ; at++) {
    at = json.indexOf('"', at)
    if (at === -1) return json.length
    let escapes = 0
    while (json[at - escapes - 1] === '\\') escapes++
    if (escapes % 2 === 0) return at + 1
  }
}

function endOfValue(json: string, from: number): number {
  if (json[from] === '"') return endOfString(json, from)
  if (json[from] !== '{' && json[from] !== '[') {
    endOfWord.lastIndex = from
    return endOfWord.exec(json)?.index ?? json.length
  }
  let depth = 0
  for (let at = from; ; ) {
    structural.lastIndex = at
    const found = structural.exec(json)
    if (!found) return json.length
    at = found[0] === '"' ? endOfString(json, found.index) : found.index + 1
    if (found[0] === '{' || found[0] === '[') depth++
    else if (found[0] !== '"' && --depth === 0) return at
  }
}

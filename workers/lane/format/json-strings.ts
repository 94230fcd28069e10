/**
 * The engine's grammars of JSON schemas let strings with a length or a pattern have characters that JSON does not have in
 * strings: quotes, backslashes and control characters. Here they are taken out of the classes of such a grammar.
 *
 * A class that is not negated may name characters of ASCII only: the engine reads others wrongly. A negated one has all others.
 */
export const onlyJsonStrings = (ebnf: string): string =>
  ebnf.replace(/"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]/g, (part) =>
    part.startsWith('"') || known.has(part) ? part : withoutForbidden(part),
  )

/** Classes of the engine itself, which are not for the insides of strings. */
const known = new Set([String.raw`[ \n\t]`, '["]', String.raw`["\\/bfnrt]`])

const isForbidden = (code: number) => code < 0x20 || code === 0x22 || code === 0x5c

const ascii = Array.from({ length: 0x80 }, (_, code) => code)

function withoutForbidden(part: string): string {
  const isNegated = part.startsWith('[^')
  const ranges = rangesOf(part.slice(isNegated ? 2 : 1, -1))
  const isListed = (code: number) => ranges.some(([from, to]) => from <= code && code <= to)
  const isAllowed = (code: number) => isListed(code) !== isNegated && !isForbidden(code)
  return isNegated
    ? `[^${ascii
        .filter((code) => !isAllowed(code))
        .map(escaped)
        .join('')}]`
    : `[${ascii.filter(isAllowed).map(escaped).join('')}]`
}

const character = /\\x([\da-fA-F]{2})|\\u([\da-fA-F]{4})|\\U([\da-fA-F]{8})|\\(.)|(.)/gsu
const named: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  f: '\f',
  v: '\v',
  0: '\0',
}

function rangesOf(inside: string): (readonly [from: number, to: number])[] {
  const characters = [...inside.matchAll(character)].map(([whole, x, u, U, letter = '']) => {
    const digits = x ?? u ?? U
    const code = digits ? Number.parseInt(digits, 16) : (named[letter] ?? (letter || whole)).codePointAt(0)
    return { code: code ?? 0, isDash: whole === '-' }
  })
  const ranges: (readonly [number, number])[] = []
  for (let at = 0; at < characters.length; at++) {
    const from = characters[at]?.code ?? 0
    const end = characters[at + 1]?.isDash ? characters[at + 2] : undefined
    ranges.push([from, end?.code ?? from])
    if (end) at += 2
  }
  return ranges
}

const escaped = (code: number) => `\\x${code.toString(16).padStart(2, '0')}`

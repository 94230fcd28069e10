/** Runs of digits and of letters; what stands between them only separates. */
const parts = /\d+|[a-z]+/gi

/**
 * Orders versions, the older first. Parts are compared one after another: numbers by their value, words by the alphabet.
 * A number is newer than a word or nothing, and nothing is newer than a word: 1.0-rc.1, 1.0, 1.0.1, 1.10. A `v` in front
 * of a number counts for nothing.
 */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [partsOf(one), partsOf(other)]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const order = compareParts(left[at], right[at])
    if (order !== 0) return order
  }
  // Spelt differently, such as 1.0 and 1_0: one of them has to be the newer, always the same.
  return compareTexts(one, other)
}

const partsOf = (version: string): string[] => version.replace(/^v(?=\d)/i, '').match(parts) ?? []

function compareParts(one: string | undefined, other: string | undefined): number {
  const rank = rankOf(one) - rankOf(other)
  if (rank !== 0 || one === undefined || other === undefined) return rank
  if (rankOf(one) === word) return compareTexts(one.toLowerCase(), other.toLowerCase())
  // Of any length: dates with times are larger than a number holds exactly.
  const [left, right] = [one.replace(/^0+/, ''), other.replace(/^0+/, '')]
  return left.length - right.length || compareTexts(left, right)
}

const [word, nothing, number] = [0, 1, 2]

const rankOf = (part: string | undefined) => (part === undefined ? nothing : /^\d/.test(part) ? number : word)

const compareTexts = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

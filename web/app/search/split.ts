/** A passage is whole sentences, and ends with the first that brings it to so many words. */
const wordsAPassage = 60

/** Passages of a longer text would be too many to embed while a visitor waits. */
export const maxPassages = 5_000

/** Splits a text into passages: within paragraphs, and over short ones. */
export function splitPassages(text: string): readonly string[] {
  const passages: string[] = []
  let current: string[] = []
  let words = 0
  for (const sentence of text.split(/(?<=[.!?]['"”’]?)\s+|\n\s*\n/u)) {
    const trimmed = sentence.trim()
    if (!trimmed) continue
    current.push(trimmed.replace(/\s+/g, ' '))
    words += trimmed.split(/\s+/).length
    if (words < wordsAPassage) continue
    passages.push(current.join(' '))
    current = []
    words = 0
  }
  if (current.length > 0) passages.push(current.join(' '))
  return passages.slice(0, maxPassages)
}

/** Words that every passage has: marked, they would hide the others. */
const commonWords = new Set(
  'and are but for from had has have her him his not she that the their they this was were what with you'.split(
    ' ',
  ),
)

/** The pieces of a passage, in order; those of the query are marked, and those that begin like a long one. */
export function markWords(
  passage: string,
  query: string,
): readonly { readonly text: string; readonly isMarked: boolean }[] {
  const words = (query.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []).filter(
    (word) => !commonWords.has(word),
  )
  return (passage.match(/[\p{L}\p{N}]+|[^\p{L}\p{N}]+/gu) ?? []).map((text) => ({
    text,
    isMarked: words.some((word) =>
      word.length > 4 ? text.toLowerCase().startsWith(word) : text.toLowerCase() === word,
    ),
  }))
}

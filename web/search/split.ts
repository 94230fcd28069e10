/** A passage is whole sentences, and ends with the first that brings it to so many words. */
const wordsAPassage = 60

/** Nor is a passage longer: a text without stops, or without spaces, has passages, too. */
const mostCharacters = 1_000

/** Splits a text into passages: within paragraphs, and over short ones. */
export function splitPassages(text: string): readonly string[] {
  const passages: string[] = []
  let current: string[] = []
  let words = 0
  let characters = 0
  const end = () => {
    if (current.length > 0) passages.push(current.join(' '))
    current = []
    words = 0
    characters = 0
  }
  for (const sentence of text.split(/(?<=[.!?]['"”’]?)\s+|\n\s*\n/u)) {
    for (const piece of pieces(sentence.trim().replace(/\s+/g, ' '))) {
      if (characters + piece.length > mostCharacters) end()
      current.push(piece)
      characters += piece.length + 1
      words += piece.split(' ').length
      if (words >= wordsAPassage) end()
    }
  }
  end()
  return passages
}

/** Cut between words where there are any. */
function* pieces(sentence: string): Generator<string> {
  let rest = sentence
  while (rest.length > mostCharacters) {
    const space = rest.lastIndexOf(' ', mostCharacters)
    const at = space > 0 ? space : mostCharacters
    yield rest.slice(0, at)
    rest = rest.slice(at).trimStart()
  }
  if (rest !== '') yield rest
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

import { sentenceTransformer } from '../support/sentence-transformer.ts'

/** A small encoder of random weights in the hub's layout, and texts for it. */
export function encoderAndTexts(texts: number, shortest: number, longest: number) {
  const { language, repository } = sentenceTransformer({
    words: 4_000,
    width: 128,
    heads: 4,
    layers: 3,
    context: 256,
  })
  // Words of each text: all lengths, mixed.
  const lengths = Array.from(
    { length: texts },
    (_, index) => shortest + ((index * 37) % (longest - shortest + 1)),
  )
  return { repository, texts: language.texts(lengths, 1) }
}

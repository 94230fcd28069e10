import { byteLetters } from '../../models/core/byte-letters.ts'
import type { TextFormat } from '../../models/core/text-format.ts'

/** A repetition penalty with which no token comes twice: nothing is looked up that could be proposed. */
export const penaltyOfRepeats = 1_000

/** A list that no text of a bench comes to the end of, of objects as programs ask for. */
export const longList = {
  type: 'json_schema',
  schema: {
    type: 'array',
    minItems: 60,
    items: {
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 16 },
        age: { type: 'integer', minimum: 0, maximum: 150 },
        kind: { enum: ['person', 'place', 'thing'] },
        tags: { type: 'array', items: { type: 'string', maxLength: 8 }, minItems: 1, maxItems: 3 },
        known: { type: 'boolean' },
      },
      required: ['name', 'age', 'kind', 'tags', 'known'],
      additionalProperties: false,
    },
  },
} as const satisfies TextFormat

/** The piece of a token of the models with random weights: bytes, and characters that occur in no text. */
export function randomPiece(id: number): string {
  if (id < 3) return ['<unk>', '<s>', '</s>'][id] ?? ''
  if (id < 259) return `<0x${(id - 3).toString(16).toUpperCase().padStart(2, '0')}>`
  return String.fromCodePoint(0x4e00 + id)
}

/** The vocabulary of these models, as lanes get it. */
export function randomVocabulary(size: number): string {
  const letters = (bytes: Iterable<number>) => Array.from(bytes, (byte) => byteLetters[byte]).join('')
  const utf8 = new TextEncoder()
  return Array.from({ length: size }, (_, id) =>
    id < 3 ? '' : letters(id < 259 ? [id - 3] : utf8.encode(randomPiece(id))),
  ).join('\n')
}

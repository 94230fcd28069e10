import * as z from 'zod/mini'
import { byteLetters } from '../../../../models/core/byte-letters.ts'

/** Decodes pieces of the vocabulary one by one, for tokenizers where a piece's bytes depend on nothing else. */
export interface Pieces {
  bytesOf(piece: string): Uint8Array
  /** Characters to drop at the start of a text: at most `count` of `character`. */
  readonly lead: { readonly character: string; readonly count: number }
}

const replace = z.object({
  type: z.literal('Replace'),
  pattern: z.object({ String: z.string() }),
  content: z.string(),
})
const strip = z.object({ type: z.literal('Strip'), content: z.string(), start: z.int(), stop: z.literal(0) })
const decoderStep = z.union([
  z.object({ type: z.literal('ByteLevel') }),
  z.object({ type: z.literal('ByteFallback') }),
  z.object({ type: z.literal('Fuse') }),
  z.object({ type: z.literal('Metaspace'), replacement: z.optional(z.string()) }),
  z.object({ type: z.literal('WordPiece'), prefix: z.string() }),
  replace,
  strip,
])
const decoder = z.union([
  decoderStep,
  z.object({ type: z.literal('Sequence'), decoders: z.array(decoderStep) }),
])

const utf8 = new TextEncoder()
const noLead = { character: '', count: 0 }
const leadingSpace = { character: ' ', count: 1 }

/**
 * @param description The field `decoder` of a `tokenizer.json`.
 * @returns Nothing where a piece's text depends on other pieces.
 */
export function piecesOf(description: unknown): Pieces | undefined {
  const parsed = z.safeParse(decoder, description)
  if (!parsed.success) return undefined
  const steps = parsed.data.type === 'Sequence' ? parsed.data.decoders : [parsed.data]
  const types = steps.map(({ type }) => type)
  if (types.includes('ByteLevel'))
    return types.length === 1 ? { bytesOf: byteLevel, lead: noLead } : undefined

  let text = (piece: string) => piece
  let lead = noLead
  for (const [at, step] of steps.entries()) {
    const before = text
    if (step.type === 'Replace')
      text = (piece) => before(piece).replaceAll(step.pattern.String, () => step.content)
    else if (step.type === 'Metaspace') {
      text = (piece) => before(piece).replaceAll(step.replacement ?? '▁', ' ')
      lead = leadingSpace
    } else if (step.type === 'WordPiece') {
      text = (piece) => wordPiece(before(piece), step.prefix)
      lead = leadingSpace
    } else if (step.type === 'Strip') {
      // Without a `Fuse` before it, it strips each piece.
      if (!types.slice(0, at).includes('Fuse')) return undefined
      lead = { character: step.content, count: step.start }
    }
  }
  const hasBytes = types.includes('ByteFallback')
  return {
    bytesOf: (piece) => (hasBytes ? byteOf(piece) : undefined) ?? utf8.encode(text(piece)),
    lead,
  }
}

/** The byte of a piece such as `<0x0A>`, in vocabularies with byte fallback. */
function byteOf(piece: string): Uint8Array | undefined {
  const digits = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)?.[1]
  return digits === undefined ? undefined : Uint8Array.of(Number.parseInt(digits, 16))
}

/** A piece follows a space, unless it continues a word or is a punctuation mark. */
const wordPiece = (piece: string, prefix: string) =>
  piece.startsWith(prefix) ? piece.slice(prefix.length) : /^[.?!,]/.test(piece) ? piece : ` ${piece}`

const byteOfLetter = new Map(byteLetters.map((letter, byte) => [letter, byte]))

/** A piece with other letters is an added token: it stands for itself. */
function byteLevel(piece: string): Uint8Array {
  const bytes = Array.from(piece, (letter) => byteOfLetter.get(letter))
  const known = bytes.filter((byte) => byte !== undefined)
  return known.length === bytes.length ? Uint8Array.from(known) : utf8.encode(piece)
}

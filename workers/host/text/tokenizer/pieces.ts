import * as z from 'zod/mini'

/** What a piece of the vocabulary says in bytes, by itself: so a text is decoded piece by piece. */
export interface Pieces {
  bytesOf(piece: string): Uint8Array
  /** What is dropped at the beginning of a text: so many of this character at most. */
  readonly lead: { readonly character: string; readonly count: number }
}

const replace = z.object({
  type: z.literal('Replace'),
  pattern: z.object({ String: z.string() }),
  content: z.string(),
})
const strip = z.object({ type: z.literal('Strip'), content: z.string(), start: z.int(), stop: z.literal(0) })
const step = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ByteLevel') }),
  z.object({ type: z.literal('ByteFallback') }),
  z.object({ type: z.literal('Fuse') }),
  z.object({ type: z.literal('Metaspace'), replacement: z.optional(z.string()) }),
  z.object({ type: z.literal('WordPiece'), prefix: z.string() }),
  replace,
  strip,
])
const decoder = z.union([step, z.object({ type: z.literal('Sequence'), decoders: z.array(step) })])

const utf8 = new TextEncoder()
const noLead = { character: '', count: 0 }
const leadingSpace = { character: ' ', count: 1 }

/**
 * @param description The field `decoder` of a `tokenizer.json`.
 * @returns Nothing where a piece's text depends on more than the piece.
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
  for (const [at, one] of steps.entries()) {
    const before = text
    if (one.type === 'Replace')
      text = (piece) => before(piece).replaceAll(one.pattern.String, () => one.content)
    else if (one.type === 'Metaspace') {
      text = (piece) => before(piece).replaceAll(one.replacement ?? '▁', ' ')
      lead = leadingSpace
    } else if (one.type === 'WordPiece') {
      text = (piece) => wordPiece(before(piece), one.prefix)
      lead = leadingSpace
    } else if (one.type === 'Strip') {
      // Before the pieces are fused it would strip each of them.
      if (!types.slice(0, at).includes('Fuse')) return undefined
      lead = { character: one.content, count: one.start }
    }
  }
  const hasBytes = types.includes('ByteFallback')
  return {
    bytesOf: (piece) => (hasBytes ? byteOf(piece) : undefined) ?? utf8.encode(text(piece)),
    lead,
  }
}

/** `<0x0A>` in vocabularies that fall back to bytes. */
function byteOf(piece: string): Uint8Array | undefined {
  const digits = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece)?.[1]
  return digits === undefined ? undefined : Uint8Array.of(Number.parseInt(digits, 16))
}

/** A word has a space before it, unless it goes on with one or is a mark that stands close. */
const wordPiece = (piece: string, prefix: string) =>
  piece.startsWith(prefix) ? piece.slice(prefix.length) : /^[.?!,]/.test(piece) ? piece : ` ${piece}`

/** GPT-2's letters for bytes: those that can be shown stand for themselves, the others for what follows 255. */
const byteOfLetter = new Map<string, number>()
{
  let next = 256
  for (let byte = 0; byte < 256; byte++) {
    const isShown = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    byteOfLetter.set(String.fromCharCode(isShown ? byte : next++), byte)
  }
}

/** A piece with other letters was added as it is. */
function byteLevel(piece: string): Uint8Array {
  const bytes = Array.from(piece, (letter) => byteOfLetter.get(letter))
  const known = bytes.filter((byte) => byte !== undefined)
  return known.length === bytes.length ? Uint8Array.from(known) : utf8.encode(piece)
}

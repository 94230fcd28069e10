import { readFileSync, statSync } from 'node:fs'
import { SpillwayError } from '../../../core/error.ts'
import { malformed } from '../../errors.ts'

interface Piece {
  readonly text: string
  readonly score: number
}

const unknownToken = '<unk>'
const bosToken = '<s>'
const eosToken = '</s>'
/** The character for a space inside pieces. */
const space = '▁'
/** Larger than any tokenizer of llama2.c. */
const largestFile = 64 * 2 ** 20

/** llama2.c ends a text at either of these tokens. */
export const llama2cStopTokens = [1, 2]

/**
 * Converts a tokenizer of llama2.c to the hub's `tokenizer.json` and `tokenizer_config.json`. The scores of pieces
 * become the order of merges. Byte fallback and the space before a text stay.
 * @throws SpillwayError `model_invalid` or `file_truncated`.
 */
export function convertLlama2cTokenizer(path: string, vocabulary: number) {
  if (statSync(path).size > largestFile)
    throw malformed(`${path} is not a tokenizer of llama2.c: it is too large`)
  const pieces = readPieces(path, readFileSync(path), vocabulary)
  return { tokenizer: tokenizerJson(pieces), config: tokenizerConfig }
}

function readPieces(path: string, file: Buffer, vocabulary: number): readonly Piece[] {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const pieces: Piece[] = []
  let at = 4
  for (let id = 0; id < vocabulary; id++) {
    const length = at + 8 <= file.length ? file.readInt32LE(at + 4) : Number.NaN
    if (length < 0)
      throw malformed(`${path} is not a tokenizer of llama2.c: piece ${id} has a negative length`)
    if (!(at + 8 + length <= file.length)) {
      throw new SpillwayError('file_truncated', `${path} ends at piece ${id}`, {
        expected: `${vocabulary} pieces, as the model has`,
      })
    }
    const score = file.readFloatLE(at)
    at += 8 + length
    try {
      pieces.push({ text: pieceText(id, decoder.decode(file.subarray(at - length, at))), score })
    } catch (cause) {
      throw SpillwayError.from(cause, 'model_invalid', `Piece ${id} of ${path} is not valid UTF-8`)
    }
  }
  if (at !== file.length) {
    throw malformed(`${path} has more pieces than the model has tokens`, { expected: `${vocabulary}` })
  }
  if (new Set(pieces.map(({ text }) => text)).size !== pieces.length)
    throw malformed(`Two pieces of ${path} are the same`)
  return pieces
}

/** The file has the three special pieces with line breaks around them, and plain spaces. */
function pieceText(id: number, text: string): string {
  return [unknownToken, bosToken, eosToken][id] ?? text.replaceAll(' ', space)
}

function tokenizerJson(pieces: readonly Piece[]) {
  const special = [unknownToken, bosToken, eosToken]
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: space },
        { type: 'Replace', pattern: { String: ' ' }, content: space },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: bosToken, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [
        { SpecialToken: { id: bosToken, type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { Sequence: { id: 'B', type_id: 0 } },
      ],
      special_tokens: { [bosToken]: { id: bosToken, ids: [1], tokens: [bosToken] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: space }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknownToken,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map(({ text }, id) => [text, id])),
      merges: mergesOf(pieces),
    },
  }
}

/** All merges of two pieces into a third, best scores first. */
function mergesOf(pieces: readonly Piece[]): readonly (readonly [string, string])[] {
  const ids = new Map(pieces.map(({ text }, id) => [text, id]))
  const ordered = pieces.toSorted((one, other) => other.score - one.score)
  return ordered.flatMap(({ text }) => {
    const characters = [...text]
    return characters
      .slice(1)
      .map(
        (_, index) =>
          [characters.slice(0, index + 1).join(''), characters.slice(index + 1).join('')] as const,
      )
      .filter((pair) => pair.every((part) => ids.has(part)))
  })
}

const tokenizerConfig = {
  tokenizer_class: 'LlamaTokenizer',
  add_bos_token: true,
  add_eos_token: false,
  bos_token: bosToken,
  eos_token: eosToken,
  unk_token: unknownToken,
  clean_up_tokenization_spaces: false,
}

import type { GeneratedToken } from '../../../protocol/generation.ts'
import type { Piece, Tokenizer } from '../types.ts'
import { createThoughtReader, type ThoughtReader } from './thought-reader.ts'

interface OpenPiece extends Piece {
  text: string
  reasoning: string | undefined
  readonly tokens: GeneratedToken[]
}

/** Makes pieces of an answer: of its thought, and of its text. */
export class PieceReader {
  readonly #thought: ThoughtReader | undefined
  #pieces: OpenPiece[] = []

  /** @param thought Absent where all is text. */
  constructor(thought: ThoughtReader | undefined) {
    this.#thought = thought
  }

  push(text: string, token?: GeneratedToken): void {
    const thought = this.#thought
    const wasThinking = thought?.isThinking === true
    const part = thought ? thought.push(text) : { text, reasoning: '' }
    const isThinking = thought?.isThinking === true
    const isThought = wasThinking || isThinking || part.reasoning !== ''
    if (isThought) this.#addThought(part.reasoning, token)
    if (!isThought) this.#addText(part.text, token)
    else if (part.text !== '') this.#addText(part.text, undefined)
  }

  /** Gives what was held back. */
  end(): void {
    const part = this.#thought?.end()
    if (part?.reasoning) this.#addThought(part.reasoning, undefined)
    if (part?.text) this.#addText(part.text, undefined)
  }

  /** The pieces since the last call. */
  take(): readonly Piece[] {
    const pieces = this.#pieces
    this.#pieces = []
    return pieces
  }

  #addThought(reasoning: string, token: GeneratedToken | undefined): void {
    const last = this.#pieces.at(-1)
    if (last?.reasoning === undefined) {
      this.#pieces.push({ text: '', reasoning, tokens: token ? [token] : [] })
      return
    }
    last.reasoning += reasoning
    if (token) last.tokens.push(token)
  }

  #addText(text: string, token: GeneratedToken | undefined): void {
    const last = this.#pieces.at(-1)
    if (!last || last.reasoning !== undefined) {
      this.#pieces.push({ text, reasoning: undefined, tokens: token ? [token] : [] })
      return
    }
    last.text += text
    if (token) last.tokens.push(token)
  }
}

/** Tokens at the end of a prompt among which a template opens the thought. */
const tailLength = 8

/** @param prompt The tokens of a chat, up to the answer. */
export function pieceReaderOf(
  { output, textOf }: Pick<Tokenizer, 'output' | 'textOf'>,
  prompt: readonly number[],
): PieceReader {
  const { reasoning } = output
  if (!reasoning) return new PieceReader(undefined)
  const tail = prompt.slice(-tailLength).map(textOf).join('')
  return new PieceReader(createThoughtReader(reasoning, tail.trimEnd().endsWith(reasoning.open)))
}

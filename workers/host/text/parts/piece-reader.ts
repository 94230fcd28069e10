import type { GeneratedToken } from '../../../protocol/generation.ts'
import type { Piece, TextRequest, Tokenizer, WrittenCall } from '../types.ts'
import { callMarkers } from './call-markers.ts'
import { CallReader } from './call-reader.ts'
import { isChat, thoughtAt } from './chat-parts.ts'
import { createThoughtReader, type ThoughtReader } from './thought-reader.ts'
import { hasTools } from './tools.ts'

interface OpenPiece extends Piece {
  text: string
  reasoning?: string
  toolCalls?: WrittenCall[]
  readonly tokens: GeneratedToken[]
}

type Kind = 'text' | 'reasoning' | 'toolCalls'

const kindOf = ({ reasoning, toolCalls }: OpenPiece): Kind =>
  toolCalls ? 'toolCalls' : reasoning === undefined ? 'text' : 'reasoning'

/** How the pieces of an answer are read. Without a reader, all is text. */
export interface AnswerReaders {
  readonly thought?: ThoughtReader | undefined
  readonly calls?: CallReader | undefined
  /** Whether nothing is read after the first call. */
  readonly hasOneCall?: boolean | undefined
}

/** Makes pieces of an answer: of its thought, of its text, and of its calls of tools. */
export class PieceReader {
  readonly #readers: AnswerReaders
  #pieces: OpenPiece[] = []
  #isDone = false

  constructor(readers: AnswerReaders = {}) {
    this.#readers = readers
  }

  /** Whether the answer ends here, because its one call is complete. */
  get isDone(): boolean {
    return this.#isDone
  }

  push(text: string, token?: GeneratedToken): void {
    const { thought } = this.#readers
    if (thought) this.#think(thought, text, token)
    else this.#addAnswer(text, token)
  }

  /** Gives what was held back. */
  end(): void {
    const { thought, calls } = this.#readers
    const { reasoning, text } = thought?.end() ?? { reasoning: '', text: '' }
    if (reasoning !== '') this.#open('reasoning').reasoning += reasoning
    if (text !== '') this.#addAnswer(text, undefined)
    if (calls) this.#addSegments(calls.end())
  }

  /** The pieces since the last call. */
  take(): readonly Piece[] {
    const pieces = this.#pieces
    this.#pieces = []
    return pieces
  }

  #think(thought: ThoughtReader, text: string, token: GeneratedToken | undefined): void {
    const wasThinking = thought.isThinking
    const part = thought.push(text)
    const isThought = wasThinking || thought.isThinking || part.reasoning !== ''
    if (isThought) this.#open('reasoning', token).reasoning += part.reasoning
    if (!isThought) this.#addAnswer(part.text, token)
    else if (part.text !== '') this.#addAnswer(part.text, undefined)
  }

  #addAnswer(text: string, token: GeneratedToken | undefined): void {
    const { calls } = this.#readers
    if (calls) this.#addSegments(calls.push(text), token)
    else this.#open('text', token).text += text
  }

  /** The token belongs to the last of the segments: calls never come without the token that completes them. */
  #addSegments(segments: ReturnType<CallReader['push']>, token?: GeneratedToken): void {
    if (this.#isDone) return
    for (const segment of segments) {
      if (typeof segment === 'string') this.#open('text').text += segment
      else this.#open('toolCalls').toolCalls?.push(segment)
      this.#isDone = typeof segment !== 'string' && this.#readers.hasOneCall === true
      if (this.#isDone) break
    }
    if (!token) return
    const last = segments.length > 0 ? this.#pieces.at(-1) : undefined
    const { tokens } = last ?? this.#open('text')
    tokens.push(token)
  }

  /** The last piece where it is of the kind, else a new one. */
  #open(kind: Kind, token?: GeneratedToken): OpenPiece {
    let piece = this.#pieces.at(-1)
    if (!piece || kindOf(piece) !== kind) {
      piece = {
        text: '',
        ...(kind === 'reasoning' && { reasoning: '' }),
        ...(kind === 'toolCalls' && { toolCalls: [] }),
        tokens: [],
      }
      this.#pieces.push(piece)
    }
    if (token) piece.tokens.push(token)
    return piece
  }
}

/** @param prompt The tokens before the answer. */
export function pieceReaderOf(
  tokenizer: Pick<Tokenizer, 'output' | 'textOf'>,
  request: TextRequest,
  prompt: readonly number[],
): PieceReader {
  const { tools, parallelToolCalls } = request
  if (!isChat(request)) return new PieceReader()
  const { output } = tokenizer
  const { reasoning } = output
  return new PieceReader({
    thought: reasoning && createThoughtReader(reasoning, thoughtAt(tokenizer, reasoning, prompt) === 'open'),
    calls:
      output.tools && hasTools(tools)
        ? new CallReader(callMarkers[output.tools], (name) => Object.hasOwn(tools, name))
        : undefined,
    hasOneCall: parallelToolCalls === false,
  })
}

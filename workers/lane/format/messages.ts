/** The messages between a lane and the worker that computes what its texts' formats allow. Types only. */
import type { WireError } from '../../../models/core/index.ts'
import type { AnswerForm } from '../../protocol/answer-form.ts'

/** The tokens of a model. */
export interface Vocabulary {
  /** The bytes of each token, as `vocabularyOf` writes them. */
  readonly pieces: string
  /** Number of tokens that the model has logits for. */
  readonly size: number
}

/** Begins to hold a text to its format. */
export interface OpenFormat {
  readonly format: AnswerForm
  /** Tokens that end a text. They are allowed where the format is met. */
  readonly stopTokens: readonly number[]
  /** Tokens that are never allowed. */
  readonly forbidden: readonly number[]
  /** Tokens of the text so far. */
  readonly tokens: readonly number[]
}

/** What may come next. */
export interface Allowed {
  /** One bit a token, the lowest first. */
  readonly mask: Int32Array
  /** Whether the text is complete, and nothing may follow. */
  readonly isEnd: boolean
}

/** Calls are answered in their order. `text` is a number that the lane gives each text. */
export type FormatCall =
  | { readonly vocabulary: Vocabulary }
  | { readonly call: number; readonly text: number; readonly open: OpenFormat }
  | { readonly call: number; readonly text: number; readonly token: number }
  | { readonly close: number }

export interface FormatReply {
  readonly reply: number
  readonly allowed?: Allowed
  readonly error?: WireError
}

/** A worker of its own, as a lane sees it. */
export interface FormatWorker {
  post(call: FormatCall): void
  terminate(): void
}

/** Starts one. @param onEnd Called where it ends by itself. */
export type StartFormatWorker = (
  onReply: (reply: FormatReply) => void,
  onEnd: (reason: string) => void,
) => FormatWorker

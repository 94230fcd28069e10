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
}

/** A text goes on. */
export interface FormatStep {
  /** Its next tokens. */
  readonly tokens: readonly number[]
  /** What is likely to come after them. */
  readonly proposed: readonly number[]
  /** How many tokens to look ahead at most. */
  readonly most: number
}

/** What may come next. */
export interface Allowed {
  /** One bit a token, the lowest first. */
  readonly mask: Int32Array
  /** Whether the text is complete, and nothing may follow. */
  readonly isEnd: boolean
}

/** A token that is likely to come, and what may come after it. */
export interface LikelyToken {
  readonly token: number
  readonly allowed: Allowed
}

/** What may come next, and what is likely to. */
export interface Outlook {
  readonly allowed: Allowed
  /** The beginning of what was proposed, as far as the format allows it; else what the format itself leads to. */
  readonly path: readonly LikelyToken[]
  /** Whether the path is what the format leads to. */
  readonly isForced: boolean
}

/** Calls are answered in their order. `text` is a number that the lane gives each text. */
export type FormatCall =
  | { readonly vocabulary: Vocabulary }
  /** `open` comes with all tokens of the text so far, where the worker does not hold it yet. */
  | { readonly call: number; readonly text: number; readonly open?: OpenFormat; readonly step: FormatStep }
  | { readonly close: number }

/** A worker says that it has the engine and the vocabulary, or why not, before it answers calls. */
export type FormatReply =
  | { readonly isReady: true }
  | { readonly failure: WireError }
  | { readonly reply: number; readonly outlook?: Outlook; readonly error?: WireError }

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

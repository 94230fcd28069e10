import type { ChatRequest, CompletionRequest } from '../../../../models/protocols/openai.ts'
import type { GeneratedToken } from '../../../protocol/generation.ts'
import type { GenerateResult, Piece } from '../types.ts'
import { CallDeltas, finishReasonOf } from './call-deltas.ts'
import type { Choice } from './choices.ts'
import { chatLogprobs, completionLogprobs, type Naming } from './logprobs.ts'

/** The differences between chats and completions when answers are written. */
export interface ApiShape {
  readonly idPrefix: string
  readonly object: string
  readonly chunkObject: string
  /** A choice's first event, sent before its text; undefined where there is nothing to say. */
  begin(choice: Choice): Part | undefined
  /** One event, or several: a call of a tool comes as its name, then its arguments. */
  pieces(choice: Choice, piece: Piece): Part[]
  end(choice: Choice, result: GenerateResult): Part
  complete(choice: Choice, result: GenerateResult, tokens: readonly GeneratedToken[]): Part
}

/** A choice as it is written, and fields of the answer that come with it. */
export interface Part {
  readonly choice: object
  readonly topLevel?: object
}

/** The thought as vLLM names it. An answer without one has no such field. */
const reasoningField = (reasoning: string | undefined) =>
  reasoning === undefined ? {} : { reasoning_content: reasoning }

/** Absent where the model reads all messages. */
export const droppedField = (droppedMessages: number) =>
  droppedMessages === 0 ? {} : { dropped_messages: droppedMessages }

/** @param naming Absent where the answer names no tokens. */
export function chatShape(request: ChatRequest, naming: Naming | undefined): ApiShape {
  const wantsIds = request.return_token_ids === true
  const calls = new CallDeltas()
  const tokenFields = (tokens: readonly GeneratedToken[]) => ({
    logprobs: request.logprobs && naming ? chatLogprobs(naming, tokens) : null,
    ...(wantsIds ? { token_ids: tokens.map(({ token }) => token) } : {}),
  })
  const topLevel = ({ promptTokens, droppedMessages }: Choice) => ({
    ...(wantsIds && { prompt_token_ids: promptTokens }),
    ...droppedField(droppedMessages),
  })
  return {
    idPrefix: 'chatcmpl',
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    begin: (choice) => ({
      choice: {
        index: choice.index,
        delta: { role: 'assistant', content: '' },
        logprobs: null,
        finish_reason: null,
      },
      topLevel: topLevel(choice),
    }),
    pieces: (choice, piece) => {
      const event = (delta: object, tokens: readonly GeneratedToken[]) => ({
        choice: { index: choice.index, delta, ...tokenFields(tokens), finish_reason: null },
      })
      const { text, reasoning, toolCalls, tokens } = piece
      if (toolCalls) return calls.eventsOf(choice, piece, event)
      return [event(reasoning === undefined ? { content: text } : { reasoning_content: reasoning }, tokens)]
    },
    end: ({ index }, result) => ({
      choice: { index, delta: {}, logprobs: null, finish_reason: finishReasonOf(result) },
    }),
    complete: (choice, result, tokens) => ({
      choice: {
        index: choice.index,
        message: {
          role: 'assistant',
          content: result.toolCalls && result.text === '' ? null : result.text,
          refusal: null,
          ...reasoningField(result.reasoning),
          ...(result.toolCalls && { tool_calls: result.toolCalls }),
        },
        ...tokenFields(tokens),
        finish_reason: finishReasonOf(result),
      },
      topLevel: topLevel(choice),
    }),
  }
}

/** @param naming Absent where the answer names no tokens and does not repeat its prompt. */
export function completionShape(request: CompletionRequest, naming: Naming | undefined): ApiShape {
  const wantsIds = request.return_token_ids === true
  const calls = new CallDeltas()
  /** The offset in a choice's text at which its next token begins. */
  const offsets = new Map<Choice, number>()
  const started = new Set<Choice>()
  const logprobsOf = (choice: Choice, tokens: readonly GeneratedToken[]) => {
    if (request.logprobs == null || !naming) return null
    const from = offsets.get(choice) ?? 0
    const length = tokens.reduce((sum, { token }) => sum + naming.tokenizer.textOf(token).length, 0)
    offsets.set(choice, from + length)
    return completionLogprobs(naming, tokens, from)
  }
  const tokenFields = (choice: Choice, tokens: readonly GeneratedToken[]) => {
    const first = !started.has(choice)
    started.add(choice)
    return {
      logprobs: logprobsOf(choice, tokens),
      ...(wantsIds ? { token_ids: tokens.map(({ token }) => token) } : {}),
      ...(wantsIds && first ? { prompt_token_ids: choice.promptTokens } : {}),
    }
  }
  const echoOf = ({ promptTokens }: Choice) =>
    request.echo && naming ? naming.tokenizer.decode(promptTokens) : ''
  return {
    idPrefix: 'cmpl',
    object: 'text_completion',
    chunkObject: 'text_completion',
    begin: (choice) =>
      request.echo || wantsIds
        ? {
            choice: {
              index: choice.index,
              text: echoOf(choice),
              ...tokenFields(choice, []),
              finish_reason: null,
            },
          }
        : undefined,
    pieces: (choice, piece) => {
      const event = (delta: object, tokens: readonly GeneratedToken[]) => ({
        choice: {
          index: choice.index,
          text: piece.text,
          ...delta,
          ...tokenFields(choice, tokens),
          finish_reason: null,
        },
      })
      if (piece.toolCalls) return calls.eventsOf(choice, piece, event)
      return [event(reasoningField(piece.reasoning), piece.tokens)]
    },
    end: (choice, result) => ({
      choice: { index: choice.index, text: '', logprobs: null, finish_reason: finishReasonOf(result) },
    }),
    complete: (choice, result, tokens) => ({
      choice: {
        index: choice.index,
        text: echoOf(choice) + result.text,
        ...reasoningField(result.reasoning),
        ...(result.toolCalls && { tool_calls: result.toolCalls }),
        ...tokenFields(choice, tokens),
        finish_reason: finishReasonOf(result),
      },
    }),
  }
}

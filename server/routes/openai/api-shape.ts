import type { ChatRequest, CompletionRequest } from '../../../models/protocols/openai.ts'
import type { GenerateResult, Piece } from '../../../workers/host/text/types.ts'
import type { GeneratedToken } from '../../../workers/protocol/generation.ts'
import type { Choice } from './choices.ts'
import { chatLogprobs, completionLogprobs, type Naming } from './logprobs.ts'

/** How one of the two kinds of completion is written: what differs between them. */
export interface ApiShape {
  readonly idPrefix: string
  readonly object: string
  readonly chunkObject: string
  /** What a choice's first event says before its text, and the fields of its event. */
  begin(choice: Choice): Part | undefined
  piece(choice: Choice, piece: Piece): Part
  end(choice: Choice, result: GenerateResult): Part
  whole(choice: Choice, result: GenerateResult, tokens: readonly GeneratedToken[]): Part
}

/** A choice as it is written, and what stands beside the choices. */
export interface Part {
  readonly choice: object
  readonly beside?: object
}

export function chatForm(request: ChatRequest, naming: Naming): ApiShape {
  const wantsIds = request.return_token_ids === true
  const told = (tokens: readonly GeneratedToken[]) => ({
    logprobs: request.logprobs ? chatLogprobs(naming, tokens) : null,
    ...(wantsIds ? { token_ids: tokens.map(({ token }) => token) } : {}),
  })
  const prompt = ({ request: { tokens } }: Choice) =>
    wantsIds ? { beside: { prompt_token_ids: tokens } } : {}
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
      ...prompt(choice),
    }),
    piece: ({ index }, { text, tokens }) => ({
      choice: { index, delta: { content: text }, ...told(tokens), finish_reason: null },
    }),
    end: ({ index }, { finish }) => ({
      choice: { index, delta: {}, logprobs: null, finish_reason: finish },
    }),
    whole: (choice, { text, finish }, tokens) => ({
      choice: {
        index: choice.index,
        message: { role: 'assistant', content: text, refusal: null },
        ...told(tokens),
        finish_reason: finish,
      },
      ...prompt(choice),
    }),
  }
}

export function completionForm(request: CompletionRequest, naming: Naming): ApiShape {
  const wantsIds = request.return_token_ids === true
  /** Where a choice's next token begins in its text. */
  const offsets = new Map<Choice, number>()
  const begun = new Set<Choice>()
  const told = (choice: Choice, tokens: readonly GeneratedToken[]) => {
    const from = offsets.get(choice) ?? 0
    const length = tokens.reduce((sum, { token }) => sum + naming.tokenizer.textOf(token).length, 0)
    offsets.set(choice, from + length)
    const first = !begun.has(choice)
    begun.add(choice)
    return {
      logprobs: request.logprobs == null ? null : completionLogprobs(naming, tokens, from),
      ...(wantsIds ? { token_ids: tokens.map(({ token }) => token) } : {}),
      ...(wantsIds && first ? { prompt_token_ids: choice.request.tokens } : {}),
    }
  }
  const echoOf = ({ request: { tokens } }: Choice) => (request.echo ? naming.tokenizer.decode(tokens) : '')
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
              ...told(choice, []),
              finish_reason: null,
            },
          }
        : undefined,
    piece: (choice, { text, tokens }) => ({
      choice: { index: choice.index, text, ...told(choice, tokens), finish_reason: null },
    }),
    end: (choice, { finish }) => ({
      choice: { index: choice.index, text: '', logprobs: null, finish_reason: finish },
    }),
    whole: (choice, { text, finish }, tokens) => ({
      choice: {
        index: choice.index,
        text: echoOf(choice) + text,
        ...told(choice, tokens),
        finish_reason: finish,
      },
    }),
  }
}

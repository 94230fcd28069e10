import type { Placement } from '../../models/core/index.ts'
import type { ChatRequest, CompletionRequest } from '../../models/protocols/openai.ts'
import type { ResponseRequest } from '../../models/protocols/openai-responses.ts'
import { type Choice, checkChoices, forEachCopy, priorityOf } from '../../workers/host/text/openai/choices.ts'
import type { Naming } from '../../workers/host/text/openai/logprobs.ts'
import type { PromptBounds } from '../../workers/host/text/openai/prompt-bounds.ts'
import { textOfResponse } from '../../workers/host/text/openai/response-input.ts'
import { templateArgumentsOf } from '../../workers/host/text/openai/template-arguments.ts'
import {
  type PreparedText,
  promptRequest,
  type RequestedText,
  textOfChat,
  textsOfCompletion,
  withPrompt,
} from '../../workers/host/text/openai/text-requests.ts'
import { readPrompt } from '../../workers/host/text/tokenizer/prompt.ts'
import type { TextRequest, Tokenizer } from '../../workers/host/text/types.ts'
import type { Model } from '../api/model.ts'
import type { GenerationStream, PlacedPiece } from '../text/generate.ts'
import type { LazyTextService } from '../text/lazy-text-service.ts'
import type { CallWait } from './call-wait.ts'

/** A request for texts. A response's has an `input`, a chat's has `messages`. */
export type TextsRequest = ChatRequest | CompletionRequest | ResponseRequest

/** The texts of a request while they are generated. */
export interface StartedTexts {
  readonly choices: readonly Choice[]
  /** Absent where the answer names no tokens. */
  readonly naming: Naming | undefined
  /** Where a text was begun first. Resolves once one has its first piece, or has ended. */
  placement(): Promise<Placement>
}

/** As the server has it by default. */
const maxChoices = 128

/**
 * Starts the texts of a request. The tokenizer is read only where the answer or the prompt needs it here.
 *
 * @throws SpillwayError As the server refuses the request.
 */
export async function startTexts(
  request: TextsRequest,
  model: Model,
  wait: CallWait,
  texts: Pick<LazyTextService, 'tokenizer'>,
): Promise<StartedTexts> {
  const { manifest } = model
  // A model that another engine writes for the server: that engine knows its context.
  const bounds = manifest.generation ?? { context: Number.POSITIVE_INFINITY }
  const asked = textsOf(request, bounds)
  const n = ('n' in request && request.n) || 1
  checkChoices(asked.length * n, maxChoices)
  // What the engine behind the server leaves out, it alone knows.
  const isTruncatedHere = manifest.generation && asked.some(({ options }) => options.truncation === 'auto')
  const needsTokens = namesTokens(request) || isTruncatedHere || asked.some(isReadHere)
  const tokenizer = needsTokens ? await wait.until(texts.tokenizer(manifest)) : undefined
  const prepared = asked.map((text) => prepare(text, tokenizer, bounds.context))
  const byId = 'return_tokens_as_token_ids' in request && request.return_tokens_as_token_ids === true
  const options = { ...wait.options(), priority: priorityOf(request.priority) }
  let begunOn: Placement | undefined
  const note = (placement: Placement) => {
    begunOn ??= placement
  }
  const results: GenerationStream['result'][] = []
  const requests = prepared.map((one) => one.request)
  const choices = forEachCopy(requests, n, (one, place) => {
    const stream = model.generate(one, options)
    // Where another text fails first, nobody awaits this one.
    stream.result.catch(() => undefined)
    results.push(stream.result)
    return {
      ...place,
      promptTokens: one.tokens ?? [],
      droppedMessages: prepared[place.prompt]?.droppedMessages ?? 0,
      pieces: noted(stream, note),
      result: stream.result,
    }
  })
  return {
    choices,
    naming: tokenizer && { tokenizer, byId },
    placement: async () => begunOn ?? (await Promise.race(results)).placement,
  }
}

function textsOf(request: TextsRequest, bounds: PromptBounds): readonly RequestedText[] {
  if ('input' in request) return [textOfResponse(request, bounds)]
  return 'messages' in request ? [textOfChat(request, bounds)] : textsOfCompletion(request, bounds)
}

function namesTokens(request: TextsRequest): boolean {
  if ('input' in request) return false
  if (request.return_token_ids === true) return true
  return 'messages' in request ? request.logprobs === true : request.logprobs != null || request.echo === true
}

/** Whether the prompt has to be tokens before the server or a lane gets it. */
const isReadHere = ({ prompt, templateArguments, reasoningEffort, keptTokens }: RequestedText) =>
  prompt.tokens === undefined &&
  (templateArguments !== undefined || reasoningEffort !== undefined || keptTokens !== undefined)

function prepare(
  text: RequestedText,
  tokenizer: Tokenizer | undefined,
  context: number,
): Omit<PreparedText, 'request'> & { readonly request: TextRequest } {
  const { prompt, options } = text
  if (prompt.tokens) return withPrompt(text, { tokens: prompt.tokens, droppedMessages: 0 })
  if (!tokenizer) return { request: { ...options, ...prompt }, droppedMessages: 0 }
  const templateArguments = templateArgumentsOf(text, tokenizer)
  return withPrompt(text, readPrompt(promptRequest(text), tokenizer, context, templateArguments))
}

async function* noted(
  stream: GenerationStream,
  note: (placement: Placement) => void,
): AsyncGenerator<PlacedPiece> {
  for await (const piece of stream) {
    note(piece.placement)
    yield piece
  }
}

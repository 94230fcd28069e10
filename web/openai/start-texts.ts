import type { Placement } from '../../models/core/index.ts'
import type { ChatRequest, CompletionRequest } from '../../models/protocols/openai.ts'
import { type ApiShape, chatShape, completionShape } from '../../workers/host/text/openai/api-shape.ts'
import { type Choice, checkChoices, forEachCopy, priorityOf } from '../../workers/host/text/openai/choices.ts'
import { templateArgumentsOf } from '../../workers/host/text/openai/template-arguments.ts'
import {
  type RequestedText,
  textOfChat,
  textsOfCompletion,
  withTokens,
} from '../../workers/host/text/openai/text-requests.ts'
import { promptTokensOf } from '../../workers/host/text/tokenizer/prompt.ts'
import type { TextRequest, Tokenizer } from '../../workers/host/text/types.ts'
import type { Model } from '../api/model.ts'
import type { GenerationStream, PlacedPiece } from '../text/generate.ts'
import type { LazyTextService } from '../text/lazy-text-service.ts'
import type { CallWait } from './call-wait.ts'

/** The texts of a request while they are generated. */
export interface StartedTexts {
  readonly model: string
  readonly choices: readonly Choice[]
  readonly shape: ApiShape
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
  request: ChatRequest | CompletionRequest,
  model: Model,
  wait: CallWait,
  texts: Pick<LazyTextService, 'tokenizer'>,
): Promise<StartedTexts> {
  const { manifest } = model
  // A model that another engine writes for the server: that engine knows its context.
  const bounds = manifest.generation ?? { context: Number.POSITIVE_INFINITY }
  const asked = 'messages' in request ? [textOfChat(request, bounds)] : textsOfCompletion(request, bounds)
  const n = request.n ?? 1
  checkChoices(asked.length * n, maxChoices)
  const needsTokens = namesTokens(request) || asked.some(isReadHere)
  const tokenizer = needsTokens ? await wait.until(texts.tokenizer(manifest)) : undefined
  const requests = asked.map((text) => toRequest(text, tokenizer))
  const naming = tokenizer && { tokenizer, byId: request.return_tokens_as_token_ids === true }
  const options = { ...wait.options(), priority: priorityOf(request.priority) }
  let begunOn: Placement | undefined
  const note = (placement: Placement) => {
    begunOn ??= placement
  }
  const results: GenerationStream['result'][] = []
  const choices = forEachCopy(requests, n, (one, place) => {
    const stream = model.generate(one, options)
    // Where another text fails first, nobody awaits this one.
    stream.result.catch(() => undefined)
    results.push(stream.result)
    return {
      ...place,
      promptTokens: one.tokens ?? [],
      pieces: noted(stream, note),
      result: stream.result,
    }
  })
  return {
    model: request.model,
    choices,
    shape: 'messages' in request ? chatShape(request, naming) : completionShape(request, naming),
    placement: async () => begunOn ?? (await Promise.race(results)).placement,
  }
}

const namesTokens = (request: ChatRequest | CompletionRequest): boolean =>
  request.return_token_ids === true ||
  ('messages' in request ? request.logprobs === true : request.logprobs != null || request.echo === true)

/** Whether the prompt has to be tokens before the server or a lane gets it. */
const isReadHere = ({ prompt, templateArguments, reasoningEffort, keptTokens }: RequestedText) =>
  prompt.tokens === undefined &&
  (templateArguments !== undefined || reasoningEffort !== undefined || keptTokens !== undefined)

function toRequest(text: RequestedText, tokenizer: Tokenizer | undefined): TextRequest {
  const { prompt, options } = text
  if (prompt.tokens) return withTokens(text, prompt.tokens)
  if (!tokenizer) return { ...options, ...prompt }
  return withTokens(text, promptTokensOf(prompt, tokenizer, templateArgumentsOf(text, tokenizer)))
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

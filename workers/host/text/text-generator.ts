import { AsyncQueue } from '../../../models/async/async-queue.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { type Sampling, withDefaultSampling } from '../../../models/core/sampling.ts'
import type { FinishReason, TokenFormat, TokenRequest } from '../../protocol/generation.ts'
import type { WaitOptions } from '../scheduler/work.ts'
import { checkTextRequest } from './check-request.ts'
import { answerFormOf } from './parts/answer-form.ts'
import { markersOf, markerTokens, withCallableTools } from './parts/chat-parts.ts'
import { pieceReaderOf } from './parts/piece-reader.ts'
import { createTextAssembler } from './tokenizer/assembler.ts'
import { readPrompt } from './tokenizer/prompt.ts'
import { vocabularyOf } from './tokenizer/vocabulary.ts'
import type {
  GenerateResult,
  Piece,
  TextGenerator,
  TextRequest,
  TextStream,
  TokenGenerator,
  Tokenizer,
  WrittenCall,
} from './types.ts'

export interface TextGeneratorOptions {
  readonly tokenizer: Tokenizer
  readonly tokens: TokenGenerator
  /** Tokens that the model reads, prompt and text together. There may be memory for fewer. */
  readonly contextLength: number
  /** Number of tokens that the model has logits for. */
  readonly vocabulary: number
  /** The adapter that all texts are written with, as of a `TokenRequest`. */
  readonly adapter?: number | undefined
  /** The model's sampling, for what a request leaves open. */
  readonly defaults: Sampling
  readonly clock: Clock
}

/** Text over tokens: turns prompts and chats into tokens, and tokens into text up to a stop string. */
export function createTextGenerator(options: TextGeneratorOptions): TextGenerator {
  const { tokenizer, tokens } = options
  return {
    tokenizer,
    contextLength: contextHere(options),
    generate: (request, wait) => start(options, request, wait),
    refusal: (texts, promptTokens, wait) => tokens.refusal?.(texts, promptTokens, wait),
    get load() {
      return tokens.load
    },
    get executedOn() {
      return tokens.executedOn
    },
  }
}

function start(options: TextGeneratorOptions, request: TextRequest, wait: WaitOptions = {}): TextStream {
  const readerLeft = new AbortController()
  const pieces = new AsyncQueue<Piece>(() => readerLeft.abort())
  let generatedTokens = 0
  const onTokens = (count: number) => {
    generatedTokens += count
  }
  const result = pump(options, request, wait, { pieces, readerLeft: readerLeft.signal, onTokens })
  result.then(
    () => pieces.end(),
    (error) => pieces.fail(error),
  )
  return {
    result,
    get generatedTokens() {
      return generatedTokens
    },
    [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator](),
  }
}

interface TextReader {
  readonly pieces: AsyncQueue<Piece>
  readonly readerLeft: AbortSignal
  readonly onTokens: (count: number) => void
}

/** Reads the tokens as they come, whether or not the pieces are read. */
async function pump(
  options: TextGeneratorOptions,
  given: TextRequest,
  wait: WaitOptions,
  { pieces, readerLeft, onTokens }: TextReader,
): Promise<GenerateResult> {
  const { tokenizer, tokens, clock } = options
  const askedAt = clock.now()
  checkTextRequest(given)
  const request = withCallableTools(given)
  const read = readPrompt(request, tokenizer, contextHere(options))
  const sequence = sequenceOf(options, request, read.tokens)
  const { prompt, generated } = sequence
  const original = prompt.slice(0, prompt.length - generated)
  const format = await formatOf(options, request, original)
  const assembler = createTextAssembler(tokenizer, stopsOf(request), original, markersOf(tokenizer, request))
  const reader = pieceReaderOf(tokenizer, request, original)
  const hasEnded = () => assembler.stopped || reader.isDone
  // Text of tokens that were generated elsewhere was handed out there; text held back there comes here.
  for (const token of prompt.slice(original.length)) reader.push(assembler.push(token))
  reader.take()

  let text = ''
  let thought = ''
  let reasoningTokens = 0
  const toolCalls: WrittenCall[] = []
  const handedOut: number[] = []
  const handOut = () => {
    for (const piece of reader.take()) {
      text += piece.text
      if (piece.reasoning !== undefined) {
        thought += piece.reasoning
        reasoningTokens += piece.tokens.length
      }
      if (piece.toolCalls) toolCalls.push(...piece.toolCalls)
      handedOut.push(...piece.tokens.map(({ token }) => token))
      pieces.push(piece)
    }
  }
  let firstAt: number | undefined
  let lastAt = askedAt
  const stream =
    sequence.maxTokens > 0 && !hasEnded()
      ? tokens.generate(format ? { ...sequence, stopTokens: tokenizer.stopTokens, format } : sequence, wait)
      : undefined
  if (stream) {
    for await (const batch of stream) {
      lastAt = clock.now()
      firstAt ??= lastAt
      let kept = 0
      for (const token of batch) {
        kept++
        reader.push(assembler.push(token.token), token)
        if (hasEnded()) break
      }
      onTokens(kept)
      handOut()
      if (hasEnded() || readerLeft.aborted) break
    }
  }
  const heldBack = assembler.stopped ? '' : assembler.end()
  if (heldBack !== '') reader.push(heldBack)
  reader.end()
  handOut()
  const ended = await stream?.result
  const finish: FinishReason = hasEnded() ? 'stop' : (ended?.finish ?? 'length')
  return {
    text,
    ...(thought !== '' && { reasoning: thought }),
    ...(toolCalls.length > 0 && { toolCalls }),
    tokens: handedOut,
    finish,
    ...(read.droppedMessages > 0 && { droppedMessages: read.droppedMessages }),
    usage: {
      promptTokens: original.length,
      generatedTokens: handedOut.length,
      cachedTokens: ended?.cachedTokens ?? 0,
      reasoningTokens,
    },
    timings: {
      queueMs: ended?.timings.queueMs ?? 0,
      firstTokenMs: (firstAt ?? lastAt) - askedAt,
      perTokenMs: handedOut.length > 1 ? (lastAt - (firstAt ?? lastAt)) / (handedOut.length - 1) : 0,
      totalMs: clock.now() - askedAt,
    },
  }
}

/** What the answer is held to, if anything. */
async function formatOf(
  { tokenizer, vocabulary }: TextGeneratorOptions,
  request: TextRequest,
  prompt: readonly number[],
): Promise<TokenFormat | undefined> {
  const format = answerFormOf(tokenizer, request, prompt)
  if (!format) return undefined
  const shown = markersOf(tokenizer, request)
  return {
    format,
    vocabulary: await vocabularyOf(tokenizer, vocabulary),
    forbidden: markerTokens(tokenizer).filter((token) => !shown.includes(tokenizer.textOf(token))),
  }
}

const contextHere = ({ contextLength, tokens }: TextGeneratorOptions): number =>
  Math.min(contextLength, tokens.context ?? contextLength)

/** @throws SpillwayError `context_exceeded` where the prompt leaves no place for a new token. */
function sequenceOf(
  options: TextGeneratorOptions,
  request: TextRequest,
  prompt: readonly number[],
): TokenRequest {
  const { tokenizer, contextLength, defaults, adapter } = options
  const { generated = 0, maxTokens, ignoreStopTokens } = request
  const held = contextHere(options)
  const available = held - prompt.length
  if (available < 1) {
    const message =
      held < contextLength
        ? 'The prompt is longer than there is memory for here'
        : 'The prompt is longer than the model reads'
    throw new SpillwayError('context_exceeded', message, {
      expected: `fewer than ${held} tokens`,
      got: `${prompt.length}`,
      hint: 'Shorten it, or let it be truncated: "auto" leaves out the oldest turns of a chat, "start" any beginning.',
    })
  }
  return {
    prompt,
    generated: Math.min(generated, prompt.length),
    maxTokens: Math.min(maxTokens ?? available, available),
    stopTokens: ignoreStopTokens ? [] : tokenizer.stopTokens,
    sampling: withDefaultSampling(request, defaults),
    ...(adapter !== undefined && { adapter }),
    ...((stopsOf(request).length > 0 || request.tools) && { endsByText: true }),
  }
}

const stopsOf = ({ stop = [] }: TextRequest): readonly string[] => (typeof stop === 'string' ? [stop] : stop)

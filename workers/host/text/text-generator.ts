import { AsyncQueue } from '../../../models/async/async-queue.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import type { FinishReason, TokenRequest } from '../../protocol/generation.ts'
import { checkTextRequest } from './check-request.ts'
import { createTextAssembler } from './tokenizer/assembler.ts'
import { promptTokensOf } from './tokenizer/prompt.ts'
import type {
  GenerateOptions,
  GenerateResult,
  Piece,
  TextGenerator,
  TextRequest,
  TextStream,
  TokenGenerator,
  Tokenizer,
} from './types.ts'

export interface TextGeneratorOptions {
  readonly tokenizer: Tokenizer
  readonly tokens: TokenGenerator
  /** Tokens of one sequence at most, prompt and text together. */
  readonly contextLength: number
  /** The model's own settings, for what a request leaves open. */
  readonly defaults: Sampling
  readonly clock: Clock
}

/** Text over tokens: prompts and templates before them, pieces of text and stop strings after. */
export function createTextGenerator(options: TextGeneratorOptions): TextGenerator {
  const { tokenizer, tokens } = options
  return {
    tokenizer,
    generate: (request, wait) => start(options, request, wait),
    get load() {
      return tokens.load
    },
    get executedOn() {
      return tokens.executedOn
    },
  }
}

function start(options: TextGeneratorOptions, request: TextRequest, wait: GenerateOptions = {}): TextStream {
  const left = new AbortController()
  const pieces = new AsyncQueue<Piece>(() => left.abort())
  const result = pump(options, request, wait, pieces, left.signal)
  result.then(
    () => pieces.end(),
    (error) => pieces.fail(error),
  )
  return { result, [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator]() }
}

/** Reads the tokens as they come, whether or not anyone reads the text. */
async function pump(
  options: TextGeneratorOptions,
  request: TextRequest,
  wait: GenerateOptions,
  pieces: AsyncQueue<Piece>,
  left: AbortSignal,
): Promise<GenerateResult> {
  const { tokenizer, tokens, clock } = options
  const askedAt = clock.now()
  checkTextRequest(request)
  const sequence = sequenceOf(options, request)
  const { prompt, generated } = sequence
  const asked = prompt.slice(0, prompt.length - generated)
  const assembler = createTextAssembler(tokenizer, stopsOf(request), asked)
  // What was generated elsewhere was told there: only what it still held back comes here.
  for (const token of prompt.slice(asked.length)) assembler.push(token)

  let text = ''
  const told: number[] = []
  const tell = (piece: Piece) => {
    text += piece.text
    told.push(...piece.tokens.map(({ token }) => token))
    pieces.push(piece)
  }
  let firstAt: number | undefined
  let lastAt = askedAt
  const stream = sequence.maxTokens > 0 && !assembler.stopped ? tokens.generate(sequence, wait) : undefined
  if (stream) {
    for await (const batch of stream) {
      lastAt = clock.now()
      firstAt ??= lastAt
      const kept = []
      let piece = ''
      for (const token of batch) {
        kept.push(token)
        piece += assembler.push(token.token)
        if (assembler.stopped) break
      }
      tell({ text: piece, tokens: kept })
      if (assembler.stopped || left.aborted) break
    }
  }
  const rest = assembler.stopped ? '' : assembler.end()
  if (rest !== '') tell({ text: rest, tokens: [] })
  const ended = await stream?.result
  const finish: FinishReason = assembler.stopped ? 'stop' : (ended?.finish ?? 'length')
  return {
    text,
    tokens: told,
    finish,
    usage: {
      promptTokens: asked.length,
      generatedTokens: told.length,
      cachedTokens: ended?.cachedTokens ?? 0,
    },
    timings: {
      queueMs: ended?.timings.queueMs ?? 0,
      firstTokenMs: (firstAt ?? lastAt) - askedAt,
      perTokenMs: told.length > 1 ? (lastAt - (firstAt ?? lastAt)) / (told.length - 1) : 0,
      totalMs: clock.now() - askedAt,
    },
  }
}

/** @throws SpillwayError `context_exceeded` where nothing could be added to the prompt. */
function sequenceOf(
  { tokenizer, contextLength, defaults }: TextGeneratorOptions,
  request: TextRequest,
): TokenRequest {
  const { generated = 0, maxTokens, truncate, ignoreStopTokens } = request
  const whole = promptTokensOf(request, tokenizer)
  const prompt =
    truncate === 'start' && whole.length >= contextLength
      ? whole.slice(whole.length - contextLength + roomFor(maxTokens, contextLength))
      : whole
  const room = contextLength - prompt.length
  if (room < 1) {
    throw new SpillwayError('context_exceeded', 'The prompt is longer than the model reads', {
      expected: `fewer than ${contextLength} tokens`,
      got: `${prompt.length}`,
      hint: 'Shorten it, or let its beginning be cut off: truncate: "start".',
    })
  }
  return {
    prompt,
    generated: Math.min(generated, prompt.length),
    maxTokens: Math.min(maxTokens ?? room, room),
    stopTokens: ignoreStopTokens ? [] : tokenizer.stopTokens,
    sampling: samplingOf(request, defaults),
  }
}

/** A prompt that is cut leaves room for what was asked for, half of the context at most. */
const roomFor = (maxTokens: number | undefined, contextLength: number) =>
  Math.max(1, Math.min(maxTokens ?? contextLength, contextLength >> 1))

const samplingOf = (request: TextRequest, defaults: Sampling): Sampling => ({
  temperature: request.temperature ?? defaults.temperature,
  topK: request.topK ?? defaults.topK,
  topP: request.topP ?? defaults.topP,
  minP: request.minP ?? defaults.minP,
  repetitionPenalty: request.repetitionPenalty ?? defaults.repetitionPenalty,
  presencePenalty: request.presencePenalty,
  frequencyPenalty: request.frequencyPenalty,
  logitBias: request.logitBias,
  seed: request.seed ?? randomSeed(),
  logprobs: request.logprobs,
})

const randomSeed = () => Math.floor(Math.random() * 2 ** 32)

const stopsOf = ({ stop = [] }: TextRequest): readonly string[] => (typeof stop === 'string' ? [stop] : stop)

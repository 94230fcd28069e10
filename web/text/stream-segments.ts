import type { Clock } from '../../models/async/clock.ts'
import { adaptedName, type Manifest } from '../../models/core/index.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import { readPrompt } from '../../workers/host/text/tokenizer/prompt.ts'
import type { TextGenerator, TextRequest } from '../../workers/host/text/types.ts'
import { complete, type RemotePiece } from '../remote/openai-completions.ts'
import type { RequestHeaders } from '../remote/request-headers.ts'
import type { Continuation } from './text-continuation.ts'

/** The part of a text that one tier generates: from the tokens so far to the text's end or the tier's failure. */
export interface StreamSegment {
  readonly executedOn: NonNullable<RemotePiece['executedOn']>
  stream(text: Continuation, options: WaitOptions): AsyncIterable<SegmentPiece>
}

export interface SegmentPiece extends RemotePiece {
  /** The wait for a slot, in milliseconds. */
  readonly queueMs?: number | undefined
  /** Of a device's first piece: whether other texts left a slot free. */
  readonly hasSlot?: boolean | undefined
}

/** Whether a piece says something of the text only, such as its prompt or its end. */
export const isEmpty = ({ text, reasoning = '', toolCalls = [], tokens }: SegmentPiece): boolean =>
  text === '' && reasoning === '' && toolCalls.length === 0 && tokens.length === 0

/** The longest silence of a server in the middle of a text, in milliseconds: a busy server sends comments. */
const silenceMs = 30_000

export const deviceSegment = (generator: TextGenerator): StreamSegment => ({
  executedOn: generator.executedOn,
  async *stream(text, options) {
    const { tokenizer, contextLength } = generator
    const request = text.nextRequest(generator)
    const { tokens: promptTokens, droppedMessages } = readPrompt(request, tokenizer, contextLength)
    const { slots, running, waiting } = generator.load
    yield { text: '', tokens: [], promptTokens, droppedMessages, hasSlot: running + waiting < slots }
    const stream = generator.generate(withTokens(request, promptTokens), options)
    yield* stream
    const { finish, usage, timings } = await stream.result
    yield { text: '', tokens: [], finish, usage, queueMs: timings.queueMs }
  },
})

/** The request with its prompt as it was read: there is no message left to drop, and nothing to cut off. */
function withTokens(request: TextRequest, tokens: readonly number[]): TextRequest {
  const { prompt: _, templateArguments: __, truncation: ___, messages, ...rest } = request
  return { ...rest, isChat: rest.isChat ?? messages !== undefined, tokens }
}

/** A model, and the adapter that its texts are written with. */
export interface AdaptedModel {
  readonly manifest: Manifest
  readonly adapter?: string | undefined
}

export const serverSegment = (
  server: URL,
  { manifest, adapter }: AdaptedModel,
  clock: Clock,
  headers: RequestHeaders,
): StreamSegment => ({
  executedOn: { backend: 'unknown', variant: 'unknown' },
  stream: (text, { signal, deadlineMs }) =>
    complete(
      server,
      { model: adaptedName({ model: manifest.id, adapter }), context: manifest.generation?.context },
      text.nextRequest(),
      {
        clock,
        signal,
        deadlineMs,
        pageHeaders: headers,
        silenceMs,
        preferredVariant: text.variant,
      },
    ),
})

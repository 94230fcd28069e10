import type { Clock } from '../../models/async/clock.ts'
import type { Manifest } from '../../models/core/index.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import { promptTokensOf } from '../../workers/host/text/tokenizer/prompt.ts'
import type { TextGenerator } from '../../workers/host/text/types.ts'
import { complete, type RemotePiece } from '../remote/complete.ts'
import type { Continuation } from './continuation.ts'

/** Part of a text on one tier: from where the text stands to its end, or to the tier's failure. */
export interface StreamSegment {
  readonly executedOn: NonNullable<RemotePiece['executedOn']>
  go(text: Continuation, options: WaitOptions): AsyncIterable<SegmentPiece>
}

export interface SegmentPiece extends RemotePiece {
  /** How long it waited for a slot, in milliseconds. */
  readonly queueMs?: number | undefined
}

/** The longest silence of a server in the middle of a text, in milliseconds: it sends comments while it is busy. */
const silenceMs = 30_000

export const deviceSegment = (generator: TextGenerator): StreamSegment => ({
  executedOn: generator.executedOn,
  async *go(text, options) {
    const request = text.next(generator.tokenizer)
    const promptTokens = promptTokensOf(request, generator.tokenizer)
    yield { text: '', tokens: [], promptTokens }
    const { prompt: _, messages: __, ...rest } = request
    const stream = generator.generate({ ...rest, tokens: promptTokens }, options)
    yield* stream
    const { finish, usage, timings } = await stream.result
    yield { text: '', tokens: [], finish, usage, queueMs: timings.queueMs }
  },
})

export const serverSegment = (server: URL, manifest: Manifest, clock: Clock): StreamSegment => ({
  executedOn: { backend: 'unknown', variant: 'unknown' },
  go: (text, { signal }) => complete(server, manifest, text.next(), { clock, signal, silenceMs }),
})

import { AsyncQueue } from '../../models/async/async-queue.ts'
import type { Clock } from '../../models/async/clock.ts'
import { type Manifest, type Placement, type Policy, SpillwayError } from '../../models/core/index.ts'
import { randomSeed } from '../../models/core/sampling.ts'
import { checkTextRequest } from '../../workers/host/text/check-request.ts'
import type { ChatMessage, GenerateResult, Piece, TextRequest } from '../../workers/host/text/types.ts'
import type { EstimateSpill, PlacementOptions } from '../placement/placement-resolver.ts'
import type { Router, TextTarget } from '../placement/router.ts'
import { createCancellation } from './cancellation.ts'
import { SegmentTimes } from './segment-times.ts'
import { isEmpty, type StreamSegment } from './stream-segments.ts'
import { Continuation } from './text-continuation.ts'

/** A piece of a text as it is generated, with the placement that generated it. */
export interface PlacedPiece extends Piece {
  readonly placement: Placement
}

/** A whole text, with its usage in tokens and its timings in milliseconds. */
export interface PlacedResult extends GenerateResult {
  /** Where the last piece was generated. */
  readonly placement: Placement
  /** Of tools that the page runs: the messages by which the chat has grown, the answer's included. */
  readonly messages?: readonly ChatMessage[] | undefined
}

/** The pieces of a text as they are generated, wherever that is. */
export interface TextStream extends AsyncIterable<PlacedPiece> {
  /** The whole text. Settles whether or not the pieces are read. */
  readonly result: Promise<PlacedResult>
}

/**
 * The pieces of a text as they are generated: one stream, however often the text moves. Leaving the loop ends the text.
 * It can be read once.
 */
export interface GenerationStream extends TextStream {
  /**
   * Places the rest of the text under another policy. Where that does not have the present place, the text goes on at
   * another one from its last token; under `auto` it stays where it is.
   *
   * @throws SpillwayError `input_value_invalid` for an unknown policy; `server_absent` or `capacity_insufficient` where
   * the policy leaves no tier. The text then goes on as before.
   */
  move(policy: Policy): void
}

export interface GenerationOptions {
  readonly router: Pick<Router, 'streamWithFailover'>
  /** Whether the device's slots are taken. */
  readonly estimateSpill: EstimateSpill
  /** The segment at a place where the model is loaded. */
  readonly createSegment: (target: TextTarget) => Promise<StreamSegment>
  /** How long a place took. `hasLeft`: the text was ended there before its end. */
  readonly wrote: (target: TextTarget, times: SegmentTimes, hasLeft: boolean) => void
  /** Fires when the runtime is closed. */
  readonly closing: AbortSignal
  readonly clock: Clock
}

/** Generates a text where the router places it; when that place fails, the next one goes on from the last token. */
export function generate(
  generation: GenerationOptions,
  manifest: Manifest,
  request: TextRequest,
  options: PlacementOptions,
): TextStream {
  const reader = new AbortController()
  const pieces = new AsyncQueue<PlacedPiece>(() => reader.abort())
  const result = writeText(generation, manifest, request, options, pieces, reader.signal)
  result.then(
    () => pieces.end(),
    (error) => pieces.fail(error),
  )
  return { result, [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator]() }
}

/** @param readerLeft Fires when the reader leaves its loop: the text so far is then the whole text. */
async function writeText(
  { router, estimateSpill, createSegment, wrote, closing, clock }: GenerationOptions,
  manifest: Manifest,
  request: TextRequest,
  options: PlacementOptions,
  pieces: AsyncQueue<PlacedPiece>,
  readerLeft: AbortSignal,
): Promise<PlacedResult> {
  checkTextRequest(request)
  const stopwatch = new Stopwatch(clock)
  const text = new Continuation({ ...request, seed: request.seed ?? randomSeed() })
  const cancellation = createCancellation(clock, options, closing, readerLeft)
  const { signal } = cancellation
  let placement: Placement | undefined
  try {
    const move = { estimateSpill, preferredVariant: () => text.variant }
    await router.streamWithFailover(manifest, { ...options, signal }, move, async (target) => {
      const { tier, reason, explanation } = target.decision
      const segment = await createSegment(target)
      // Named one by one: on the device it is a session, whose fields are getters.
      const { backend, variant } = segment.executedOn
      placement = { tier, backend, variant, reason, explanation }
      if (text.isDone) return
      const deadlineMs = cancellation.remainingMs()
      const times = new SegmentTimes(clock)
      try {
        for await (const piece of segment.stream(text, { ...options, deadlineMs, signal: target.signal })) {
          times.add(piece)
          if (piece.executedOn && piece.executedOn.variant !== placement.variant)
            placement = { ...placement, ...piece.executedOn }
          stopwatch.queueMs ??= piece.queueMs
          text.add(piece)
          if (isEmpty(piece)) continue
          stopwatch.lap()
          if (placement.variant !== 'unknown') text.variant ??= placement.variant
          target.markProgress()
          const { text: written, reasoning, toolCalls, tokens } = piece
          pieces.push({
            text: written,
            ...(reasoning !== undefined && { reasoning }),
            ...(toolCalls && { toolCalls }),
            tokens,
            placement,
          })
        }
      } finally {
        wrote(target, times, target.signal?.aborted === true)
      }
    })
  } catch (cause) {
    const error = cancellation.error()
    if (error || !readerLeft.aborted || !placement) throw error ?? cause
  } finally {
    cancellation.release()
  }
  if (!placement) throw new SpillwayError('internal', `A text of ${manifest.id} ended before it was placed`)
  return {
    text: text.text,
    ...(text.reasoning !== '' && { reasoning: text.reasoning }),
    ...(text.toolCalls.length > 0 && { toolCalls: text.toolCalls }),
    tokens: text.tokens.map(({ token }) => token),
    finish: text.finish ?? (readerLeft.aborted ? 'stop' : 'length'),
    ...(text.droppedMessages > 0 && { droppedMessages: text.droppedMessages }),
    usage: text.usage,
    timings: stopwatch.timings(text.usage.generatedTokens),
    placement,
  }
}

/** The timings of a text as its caller waited for them. */
class Stopwatch {
  readonly #clock: Clock
  readonly #startedAt: number
  #firstAt: number | undefined
  #lastAt: number
  /** The wait for the first slot. */
  queueMs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.now()
    this.#lastAt = this.#startedAt
  }

  /** Tokens came. */
  lap(): void {
    this.#lastAt = this.#clock.now()
    this.#firstAt ??= this.#lastAt
  }

  timings(tokens: number): GenerateResult['timings'] {
    const firstAt = this.#firstAt ?? this.#lastAt
    return {
      queueMs: this.queueMs ?? 0,
      firstTokenMs: firstAt - this.#startedAt,
      perTokenMs: tokens > 1 ? (this.#lastAt - firstAt) / (tokens - 1) : 0,
      totalMs: this.#clock.now() - this.#startedAt,
    }
  }
}

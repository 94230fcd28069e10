import { AsyncQueue } from '../../models/async/async-queue.ts'
import type { Clock } from '../../models/async/clock.ts'
import { type Manifest, type Placement, SpillwayError } from '../../models/core/index.ts'
import { randomSeed } from '../../models/core/sampling.ts'
import { checkTextRequest } from '../../workers/host/text/check-request.ts'
import type { GenerateResult, Piece, TextRequest } from '../../workers/host/text/types.ts'
import type { EstimateSpill, PlacementOptions } from '../placement/request-state.ts'
import type { Router, TextTarget } from '../placement/router.ts'
import { createCancellation } from './cancellation.ts'
import { Continuation } from './continuation.ts'
import { Stopwatch } from './stopwatch.ts'
import type { StreamSegment } from './stream-segments.ts'

/** Text as it comes, and where it was made. */
export interface PlacedPiece extends Piece {
  readonly placement: Placement
}

export interface PlacedResult extends GenerateResult {
  /** Where the text ended. */
  readonly placement: Placement
}

/**
 * A text as it comes: one stream, wherever it runs and however often it moves. Who leaves the loop has enough, and
 * ends it. `result` settles whether or not the pieces are read.
 */
export interface GenerationStream extends AsyncIterable<PlacedPiece> {
  readonly result: Promise<PlacedResult>
}

export interface GenerationOptions {
  readonly router: Pick<Router, 'streamWithFailover'>
  /** How late the device would be, where its slots are taken. */
  readonly late: EstimateSpill
  /** What generates at a place, the model being loaded there. */
  readonly segmentAt: (place: TextTarget) => Promise<StreamSegment>
  /** Fires when the runtime is closed. */
  readonly closing: AbortSignal
  readonly clock: Clock
}

/** Continues a text where the router places it; when that place fails, the next one goes on from the last token. */
export function generate(
  options: GenerationOptions,
  manifest: Manifest,
  request: TextRequest,
  route: PlacementOptions,
): GenerationStream {
  const left = new AbortController()
  const pieces = new AsyncQueue<PlacedPiece>(() => left.abort())
  const result = write(options, manifest, request, route, pieces, left.signal)
  result.then(
    () => pieces.end(),
    (error) => pieces.fail(error),
  )
  return { result, [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator]() }
}

async function write(
  options: GenerationOptions,
  manifest: Manifest,
  request: TextRequest,
  route: PlacementOptions,
  pieces: AsyncQueue<PlacedPiece>,
  left: AbortSignal,
): Promise<PlacedResult> {
  checkTextRequest(request)
  const { router, clock } = options
  const watch = new Stopwatch(clock)
  const text = new Continuation({ ...request, seed: request.seed ?? randomSeed() })
  const cancellation = createCancellation(clock, route, left, options.closing)
  let placement: Placement | undefined
  try {
    await router.streamWithFailover(
      manifest,
      { ...route, signal: cancellation.signal },
      options.late,
      async (place) => {
        const { tier, reason, explanation } = place.decision
        const segment = await options.segmentAt(place)
        // Not spread: on the device it is a session, whose fields are getters.
        const { backend, variant } = segment.executedOn
        placement = { tier, backend, variant, reason, explanation }
        if (text.isDone) return
        for await (const piece of segment.go(text, {
          ...route,
          deadlineMs: cancellation.leftMs(),
          signal: cancellation.signal,
        })) {
          if (piece.executedOn && piece.executedOn.variant !== placement.variant)
            placement = { ...placement, ...piece.executedOn }
          watch.queueMs ??= piece.queueMs
          text.add(piece)
          if (piece.text === '' && piece.tokens.length === 0) continue
          watch.tick()
          place.markProgress()
          pieces.push({ text: piece.text, tokens: piece.tokens, placement })
        }
      },
    )
  } catch (cause) {
    const why = cancellation.why()
    if (why || !left.aborted || !placement) throw why ?? cause
  } finally {
    cancellation.release()
  }
  if (!placement) throw new SpillwayError('internal', `${manifest.id} ended without a place`)
  return {
    text: text.text,
    tokens: text.tokens.map(({ token }) => token),
    finish: text.finish ?? (left.aborted ? 'stop' : 'length'),
    usage: text.usage,
    timings: watch.timings(text.usage.generatedTokens),
    placement,
  }
}

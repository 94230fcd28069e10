import { Channel } from '../../models/async/async-queue.ts'
import type { Clock } from '../../models/async/clock.ts'
import { type Manifest, type Placement, SpillwayError } from '../../models/core/index.ts'
import { checkTextRequest } from '../../workers/host/text/check-request.ts'
import type { GenerateResult, Piece, TextRequest } from '../../workers/host/text/types.ts'
import type { Late, RouteOptions } from '../placement/request-state.ts'
import type { Place, Router } from '../placement/router.ts'
import { untilGone } from './cancellation.ts'
import { Continuation } from './continuation.ts'
import { Stopwatch } from './stopwatch.ts'
import type { Leg } from './stream-segments.ts'

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
  readonly router: Pick<Router, 'follow'>
  /** How late the device would be, where its slots are taken. */
  readonly late: Late
  /** What generates at a place, the model being loaded there. */
  readonly legTo: (place: Place) => Promise<Leg>
  /** Fires when the runtime is closed. */
  readonly closing: AbortSignal
  readonly clock: Clock
}

/** Continues a text where the router places it; when that place fails, the next one goes on from the last token. */
export function generate(
  options: GenerationOptions,
  manifest: Manifest,
  request: TextRequest,
  route: RouteOptions,
): GenerationStream {
  const left = new AbortController()
  const pieces = new Channel<PlacedPiece>(() => left.abort())
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
  route: RouteOptions,
  pieces: Channel<PlacedPiece>,
  left: AbortSignal,
): Promise<PlacedResult> {
  checkTextRequest(request)
  const { router, clock } = options
  const watch = new Stopwatch(clock)
  const text = new Continuation({ ...request, seed: request.seed ?? randomSeed() })
  const gone = untilGone(clock, route, left, options.closing)
  let placement: Placement | undefined
  try {
    await router.follow(manifest, { ...route, signal: gone.signal }, options.late, async (place) => {
      const { tier, reason, because } = place.decision
      const leg = await options.legTo(place)
      // Not spread: on the device it is a session, whose fields are getters.
      const { backend, variant } = leg.ranOn
      placement = { tier, backend, variant, reason, because }
      if (text.isDone) return
      for await (const piece of leg.go(text, { ...route, deadlineMs: gone.leftMs(), signal: gone.signal })) {
        if (piece.ranOn && piece.ranOn.variant !== placement.variant)
          placement = { ...placement, ...piece.ranOn }
        watch.queueMs ??= piece.queueMs
        text.add(piece)
        if (piece.text === '' && piece.tokens.length === 0) continue
        watch.tick()
        place.gotOn()
        pieces.push({ text: piece.text, tokens: piece.tokens, placement })
      }
    })
  } catch (cause) {
    const why = gone.why()
    if (why || !left.aborted || !placement) throw why ?? cause
  } finally {
    gone.release()
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

/** One for the whole text: every place that it moves to draws on from it. */
const randomSeed = () => Math.floor(Math.random() * 2 ** 32)

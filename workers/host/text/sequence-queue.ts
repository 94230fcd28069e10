import type { SpillwayError } from '../../../models/core/index.ts'
import { overloaded } from '../scheduler/errors.ts'
import { type Turn, Turns } from '../scheduler/turns.ts'
import type { CallerShare } from '../scheduler/work.ts'
import type { SequenceStream } from './sequence-stream.ts'

/** What may wait for the slots of one model. */
export interface SequenceBounds {
  readonly sequences: number
  /** Tokens of their prompts together. */
  readonly tokens: number
}

/** Sequences that wait for a slot, by rank; those of equal rank in the order of their requests. Callers take turns. */
export class SequenceQueue {
  #waiting: SequenceStream[] = []
  readonly #bounds: SequenceBounds
  readonly #turns = new Turns()
  /** Tokens of the prompts. */
  #tokens = 0

  constructor(bounds: SequenceBounds) {
    this.#bounds = bounds
  }

  get size(): number {
    return this.#waiting.length
  }

  get all(): readonly SequenceStream[] {
    return this.#waiting
  }

  /** The place of a new sequence among its caller's and others'; undefined where it has no caller. */
  takeTurn({ caller, weight }: CallerShare, cost: number): Turn | undefined {
    return caller === undefined ? undefined : this.#turns.take(caller, cost, weight)
  }

  /** The share of the waiting sequences that go before a new one, from 0 to 1. */
  shareAhead({ caller, weight }: CallerShare, cost: number): number {
    return caller === undefined ? 1 : this.#turns.shareAhead(caller, cost, weight)
  }

  push(stream: SequenceStream): void {
    const after = this.#waiting.findIndex(({ rank }) => rank > stream.rank)
    this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, stream)
    this.#tokens += stream.promptTokens
  }

  /** Takes sequences out that begin or go on now. */
  take(streams: readonly SequenceStream[]): void {
    this.#waiting = this.#waiting.filter((stream) => !streams.includes(stream))
    for (const stream of streams) {
      if (stream.turn && !stream.hasBegun) this.#turns.reach(stream.turn)
      stream.hasBegun = true
      this.#tokens -= stream.promptTokens
    }
    if (this.#waiting.length === 0) this.#turns.clear()
  }

  /** A sequence ended; it may not have waited. */
  remove(stream: SequenceStream): void {
    if (stream.turn && !stream.hasBegun) this.#turns.giveBack(stream.turn)
    // It has no claim any more, however often it is removed.
    stream.hasBegun = true
    const at = this.#waiting.indexOf(stream)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    this.#tokens -= stream.promptTokens
  }

  /**
   * The sequences that give their places to new ones of a caller: none where there is room. Those of the caller that has
   * the most by its weight go, the last first, as long as it keeps more than the new one gets. Undefined where that is not
   * enough.
   */
  placesFor(
    sequences: number,
    tokens: number,
    { caller, weight = 1 }: CallerShare,
  ): SequenceStream[] | undefined {
    let left = this.#waiting.length
    let leftTokens = this.#tokens
    const isFull = () =>
      left > 0 && (left + sequences > this.#bounds.sequences || leftTokens + tokens > this.#bounds.tokens)
    const displaced: SequenceStream[] = []
    if (!isFull()) return displaced
    if (caller === undefined) return undefined
    const callers = byCaller(this.#waiting)
    const least = ((callers.get(caller)?.length ?? 0) + sequences) / weight
    callers.delete(caller)
    while (isFull()) {
      const largest = largestOf(callers)
      const last = shareOf(largest) > least ? largest.pop() : undefined
      if (!last) return undefined
      displaced.push(last)
      left--
      leftTokens -= last.promptTokens
    }
    return displaced
  }

  /** @param retryAfterMs About when half of the queue will be done. */
  refusal(running: number, retryAfterMs: number): SpillwayError {
    return overloaded('Every slot is taken and the queue is full', {
      maxQueued: this.#bounds.sequences,
      queued: this.#waiting.length,
      running,
      retryAfterMs,
    })
  }
}

/**
 * The running sequence that gives its slot to a caller with none: of the caller with the most by its weight, one of two at least. The
 * one that was interrupted least often, and began last, so that little is read again.
 */
export function sequenceToInterrupt(running: Iterable<SequenceStream>): SequenceStream | undefined {
  const largest = largestOf(byCaller(running))
  if (largest.length < 2) return undefined
  return largest.reduce((best, stream) =>
    stream.interruptions < best.interruptions ||
    (stream.interruptions === best.interruptions && stream.id > best.id)
      ? stream
      : best,
  )
}

function byCaller(streams: Iterable<SequenceStream>): Map<string, SequenceStream[]> {
  const callers = new Map<string, SequenceStream[]>()
  for (const stream of streams) {
    const caller = stream.turn?.caller ?? ''
    const own = callers.get(caller)
    if (own) own.push(stream)
    else callers.set(caller, [stream])
  }
  return callers
}

/** The share of a caller's sequences, by its weight. */
const shareOf = (streams: readonly SequenceStream[]) => streams.length / (streams[0]?.turn?.weight ?? 1)

function largestOf(callers: ReadonlyMap<string, SequenceStream[]>): SequenceStream[] {
  let largest: SequenceStream[] = []
  for (const streams of callers.values()) if (shareOf(streams) > shareOf(largest)) largest = streams
  return largest
}

import { SpillwayError } from '../../models/core/index.ts'
import { chooseDisplaced } from '../../workers/host/scheduler/displace.ts'
import type { CallerShare } from '../../workers/host/scheduler/work.ts'

/** Bodies that are shorter so far are not counted: connections bound them. */
export const leastCounted = 262_144

/** Milliseconds after which it makes sense to try again. */
const retryAfterMs = 1_000

/** A body that is on its way. */
export interface ArrivingBody {
  readonly caller: CallerShare
  /** Called where it has to give way. */
  readonly refuse: (reason: SpillwayError) => void
}

interface Counted extends ArrivingBody {
  readonly rank: number
  /** That have come. */
  bytes: number
}

/**
 * The large bodies that are on their way, whose bytes are bounded: a client may send many at a time, as slowly as it likes.
 * Where there are too many, those of the caller that has most of them are refused, the last first.
 */
export class ArrivingBodies {
  readonly #maxBytes: number
  readonly #bodies = new Map<ArrivingBody, Counted>()
  #bytes = 0
  #begun = 0

  /** @param maxBytes Of all together. A single body may have more. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @param bytes Of the body so far. */
  grew(body: ArrivingBody, bytes: number): void {
    let counted = this.#bodies.get(body)
    if (!counted) {
      counted = { ...body, rank: this.#begun++, bytes: 0 }
      this.#bodies.set(body, counted)
    }
    this.#bytes += bytes - counted.bytes
    counted.bytes = bytes
    if (this.#bytes <= this.#maxBytes || this.#bodies.size === 1) return
    const reason = tooManyBytes(this.#maxBytes, this.#bytes)
    for (const { refuse } of this.#toRefuse(counted)) refuse(reason)
  }

  /** It is here, or comes no more. */
  ended(body: ArrivingBody): void {
    const counted = this.#bodies.get(body)
    if (!counted) return
    this.#bodies.delete(body)
    this.#bytes -= counted.bytes
  }

  /** Those of other callers that have more; else the one that grew. */
  #toRefuse(grown: Counted): readonly Counted[] {
    let left = this.#bytes
    const displaced = chooseDisplaced<Counted>({
      waiting: [...this.#bodies.values()].filter((body) => body !== grown),
      callerOf: ({ caller }) => caller.caller ?? '',
      shareOf,
      asking: { caller: grown.caller.caller ?? '', share: shareOf(grown) },
      leaves: ({ bytes }) => {
        left -= bytes
      },
      hasPlace: () => left <= this.#maxBytes || left === grown.bytes,
    })
    return displaced ?? [grown]
  }
}

const shareOf = ({ bytes, caller: { weight = 1 } }: Counted) => bytes / weight

export const tooManyBytes = (maxBytes: number, bytes: number) =>
  new SpillwayError('overloaded', 'Too many large requests are being read', {
    expected: `at most ${maxBytes} bytes of them`,
    got: `${bytes}`,
    retryAfterMs,
    hint: 'Try again later, or send less at once.',
  })

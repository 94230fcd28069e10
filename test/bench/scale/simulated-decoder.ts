import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Lane } from '../../../workers/host/lane-client/lane.ts'
import type { GeneratedToken } from '../../../workers/protocol/generation.ts'
import type { EventsReply, SequenceEvent, SequenceRequest } from '../../../workers/protocol/lane.ts'
import type { TextCost } from './figures.ts'

interface Sequence {
  readonly id: number
  readonly decodesAt: number
  readonly maxTokens: number
  /** Tokens so far, with a part of the next one. */
  made: number
  reported: number
}

/** Tokens that are reported together after the first one: an event a token would cost the simulation an hour. */
const tokensPerEvent = 32

const someTokens: readonly GeneratedToken[] = Array.from({ length: 4_096 }, () => ({ token: 1 }))

const unused = () => Promise.reject(new SpillwayError('internal', 'A simulated decoder only decodes'))

/** A lane that decodes sequences together: a step takes longer the more of them there are. */
export class SimulatedDecoder implements Lane {
  readonly lost = new Promise<SpillwayError>(() => {})
  readonly start = unused
  readonly load = unused
  readonly warmUp = unused
  readonly run = unused
  readonly unload = unused
  readonly ping = unused
  readonly #clock: Clock
  readonly #cost: TextCost
  readonly #slots: number
  readonly #sequences = new Map<number, Sequence>()
  #events: SequenceEvent[] = []
  #reader: ((reply: EventsReply) => void) | undefined
  #advancedAt = 0
  #cancelWake: () => void = () => {}
  /** Milliseconds of the lane, had all its slots been taken. */
  busyMs = 0

  constructor(clock: Clock, cost: TextCost, slots: number) {
    this.#clock = clock
    this.#cost = cost
    this.#slots = slots
  }

  kill(): void {}

  async addSequences(_session: string, requests: readonly SequenceRequest[]): Promise<void> {
    this.#advance()
    const { fixedMs, promptMs } = this.#cost
    for (const { id, request } of requests) {
      const readMs = fixedMs + promptMs * request.prompt.length
      this.busyMs += readMs / this.#slots
      const decodesAt = this.#clock.now() + readMs
      this.#sequences.set(id, { id, decodesAt, maxTokens: request.maxTokens, made: 0, reported: 0 })
      this.#events.push({ id, tokens: [], cachedTokens: 0 })
    }
    this.#deliver()
    this.#planWake()
  }

  async cancelSequences(_session: string, ids: readonly number[]): Promise<void> {
    this.#advance()
    for (const id of ids) this.#sequences.delete(id)
    this.#planWake()
  }

  takeEvents(): Promise<EventsReply> {
    return new Promise((resolve) => {
      this.#reader = resolve
      this.#deliver()
    })
  }

  #stepMs(sequences: number): number {
    return this.#cost.stepMs + this.#cost.moreMs * Math.max(0, sequences - 1)
  }

  /** Sequences that decode since the last event: those that were reading their prompts join at an event of their own. */
  #decoding(): Sequence[] {
    return [...this.#sequences.values()].filter(({ decodesAt }) => decodesAt <= this.#advancedAt)
  }

  /** Adds the tokens since the last event, and reports those that are due. */
  #advance(): void {
    const now = this.#clock.now()
    const decoding = this.#decoding()
    const more = (now - this.#advancedAt) / this.#stepMs(decoding.length)
    this.#advancedAt = now
    for (const sequence of decoding) {
      sequence.made = Math.min(sequence.maxTokens, sequence.made + more)
      this.#report(sequence)
    }
    // Reading a prompt gives the first token.
    for (const sequence of this.#decoding()) {
      if (sequence.made > 0) continue
      sequence.made = 1
      this.#report(sequence)
    }
  }

  #report(sequence: Sequence): void {
    const { id, maxTokens, made, reported } = sequence
    const whole = Math.floor(made + 1e-6)
    if (whole < nextReport(sequence)) return
    this.busyMs += ((whole - reported) * this.#stepMs(this.#slots)) / this.#slots
    sequence.reported = whole
    const tokens = someTokens.slice(0, whole - reported)
    if (whole < maxTokens) this.#events.push({ id, tokens })
    else {
      this.#events.push({ id, tokens, finish: 'length' })
      this.#sequences.delete(id)
    }
  }

  #planWake(): void {
    this.#cancelWake()
    if (this.#sequences.size === 0) return
    const now = this.#clock.now()
    const stepMs = this.#stepMs(this.#decoding().length)
    let wakeMs = Number.POSITIVE_INFINITY
    for (const sequence of this.#sequences.values()) {
      const ms =
        sequence.decodesAt > now
          ? sequence.decodesAt - now
          : Math.max(0, (nextReport(sequence) - sequence.made) * stepMs)
      wakeMs = Math.min(wakeMs, ms)
    }
    this.#cancelWake = this.#clock.after(wakeMs, () => {
      this.#advance()
      this.#deliver()
      this.#planWake()
    })
  }

  #deliver(): void {
    if (!this.#reader || this.#events.length === 0) return
    const events = this.#events
    const reader = this.#reader
    this.#events = []
    this.#reader = undefined
    const { size: running } = this.#sequences
    reader({ events, load: { slots: this.#slots, running, waiting: 0, kvUsage: running / this.#slots } })
  }
}

/** The tokens at which a sequence is reported next. */
const nextReport = ({ reported, maxTokens }: Sequence): number =>
  Math.min(maxTokens, reported === 0 ? 1 : reported + tokensPerEvent)

import { abortedBy } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { type GenerationSpec, SpillwayError } from '../../../models/core/index.ts'
import { withDefaultSampling } from '../../../models/core/sampling.ts'
import type { GeneratorLoad, TokenRequest } from '../../protocol/generation.ts'
import type { SequenceEvent } from '../../protocol/lane.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { LeasedLane } from '../pool/lane-holder.ts'
import { closed, overloaded, poisoned } from '../scheduler/errors.ts'
import { rankOf } from '../scheduler/priority.ts'
import { maxDeaths } from '../scheduler/replay.ts'
import type { WaitOptions } from '../scheduler/work.ts'
import { SequenceStream } from './sequence-stream.ts'
import type { TokenGenerator, TokenStream } from './types.ts'

export interface SequenceSchedulerOptions {
  /** The session's name in its lane. */
  readonly session: string
  readonly spec: GenerationSpec
  /** Leases a lane with the model, which is started and loaded where no lane has it. */
  readonly lease: () => Promise<LeasedLane>
  readonly executedOn: TokenGenerator['executedOn']
  /** Sequences that one lane decodes at a time. */
  readonly slots: number
  /** Sequences that may wait; one more is refused as `overloaded`. */
  readonly maxWaiting: number
  readonly clock: Clock
}

/** Lanes in a row that a sequence may leave without a token before it fails. */
const maxMoves = 5

/**
 * Sequences of one model wait here for a slot in a lane, and move to another lane when theirs is lost. A sequence is kept
 * as its prompt and the tokens so far, which is all that another lane needs to continue it.
 */
export class SequenceScheduler implements TokenGenerator {
  readonly #options: SequenceSchedulerOptions
  #waiting: SequenceStream[] = []
  readonly #running = new Map<number, SequenceStream>()
  #leased: LeasedLane | undefined
  #isLeasing = false
  #laneLoad: GeneratorLoad | undefined
  #lastId = 0
  #isDispatchPlanned = false
  #isClosed = false
  /** Moving average of the milliseconds from a sequence's request to its end. */
  #meanMs = 0

  constructor(options: SequenceSchedulerOptions) {
    this.#options = options
  }

  get executedOn(): TokenGenerator['executedOn'] {
    return this.#options.executedOn
  }

  get load(): GeneratorLoad {
    return {
      slots: this.#options.slots,
      running: this.#running.size,
      waiting: this.#waiting.length,
      kvUsage: this.#laneLoad?.kvUsage ?? 0,
    }
  }

  generate(request: TokenRequest, options: WaitOptions = {}): TokenStream {
    const { clock, spec } = this.#options
    const stream = new SequenceStream(
      // The seed is made here, so that it moves to other lanes with the sequence.
      { ...request, sampling: withDefaultSampling(request.sampling, spec.sampling) },
      clock,
      rankOf(clock.now(), options.priority),
      (ended) => this.#remove(ended),
    )
    const refusal = this.#refusal(request, options.signal)
    if (refusal) stream.fail(refusal)
    else {
      stream.watch(options)
      this.#enqueue(stream)
      this.#planDispatch()
    }
    return stream
  }

  close(): void {
    this.#isClosed = true
    for (const stream of [...this.#waiting, ...this.#running.values()]) stream.fail(closed())
    this.#release()
  }

  #refusal({ prompt, maxTokens }: TokenRequest, signal: AbortSignal | undefined): SpillwayError | undefined {
    const { spec, maxWaiting, slots } = this.#options
    if (signal?.aborted) return abortedBy(signal)
    if (this.#isClosed) return closed()
    if (prompt.length < 1 || prompt.length >= spec.context) {
      return new SpillwayError('context_exceeded', 'The prompt does not fit the context', {
        expected: `1 to ${spec.context - 1} tokens`,
        got: `${prompt.length}`,
        hint: 'Shorten it, or ask for its beginning to be left out.',
      })
    }
    const unknown = prompt.find((token) => !Number.isInteger(token) || token < 0 || token >= spec.vocabulary)
    if (unknown !== undefined || !(maxTokens >= 1)) {
      return new SpillwayError('input_value_invalid', 'The sequence cannot be continued', {
        expected: `tokens from 0 to ${spec.vocabulary - 1}, and one new token at least`,
        got: unknown === undefined ? `${maxTokens} new tokens` : `the token ${unknown}`,
      })
    }
    const queued = this.#waiting.length
    if (queued < maxWaiting) return undefined
    return overloaded('Every slot is taken and the queue is full', {
      maxQueued: maxWaiting,
      queued,
      running: this.#running.size,
      retryAfterMs: (this.#meanMs * maxWaiting) / 2 / slots,
    })
  }

  /** By rank; sequences of equal rank in the order of their requests. */
  #enqueue(stream: SequenceStream): void {
    const after = this.#waiting.findIndex(({ rank }) => rank > stream.rank)
    this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, stream)
  }

  /** Sequences that are requested together begin together. */
  #planDispatch(): void {
    if (this.#isDispatchPlanned) return
    this.#isDispatchPlanned = true
    queueMicrotask(() => {
      this.#isDispatchPlanned = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    if (this.#waiting.length === 0) {
      if (this.#running.size === 0) this.#release()
      return
    }
    if (!this.#leased) {
      if (!this.#isLeasing) void this.#lease()
      return
    }
    const { lane } = this.#leased
    const next = this.#next()
    if (next.length === 0) return
    const wasIdle = this.#running.size === 0
    const requests = next.map((stream) => {
      const id = ++this.#lastId
      stream.id = id
      stream.hasProgressed = false
      this.#running.set(id, stream)
      return { id, request: stream.remaining() }
    })
    this.#waiting = this.#waiting.filter((stream) => !next.includes(stream))
    // Called before `addSequences`, so that the first token finds a reader.
    if (wasIdle) void this.#readEvents(lane)
    lane.addSequences(this.#options.session, requests).catch((cause: unknown) => this.#moveAll(lane, cause))
  }

  /**
   * As many as there are free slots. A sequence that may have killed a lane runs alone until it has a token, so that no
   * other is blamed for it.
   */
  #next(): SequenceStream[] {
    const free = this.#options.slots - this.#running.size
    for (const { deaths } of this.#running.values()) if (deaths > 0) return []
    const suspect = this.#waiting.find(({ deaths }) => deaths > 0)
    if (suspect) return this.#running.size === 0 ? [suspect] : []
    return this.#waiting.slice(0, Math.max(0, free))
  }

  async #lease(): Promise<void> {
    this.#isLeasing = true
    try {
      const leased = await this.#options.lease()
      if (this.#isClosed) leased.release()
      else this.#leased = leased
    } catch (cause) {
      const error = SpillwayError.from(cause, 'lane_failed', 'No lane could decode')
      for (const stream of [...this.#waiting]) stream.fail(error)
    } finally {
      this.#isLeasing = false
    }
    this.#dispatch()
  }

  #release(): void {
    this.#leased?.release()
    this.#leased = undefined
  }

  /** Takes events from the lane for as long as it decodes sequences of this scheduler. */
  async #readEvents(lane: Lane): Promise<void> {
    const { session } = this.#options
    try {
      while (this.#running.size > 0 && this.#leased?.lane === lane) {
        const { events, load } = await lane.takeEvents(session)
        this.#laneLoad = load
        if (this.#leased?.lane !== lane) return
        for (const event of events) this.#receive(event)
        this.#dispatch()
      }
    } catch (cause) {
      this.#moveAll(lane, cause)
    }
  }

  #receive({ id, tokens, cachedTokens, finish, error }: SequenceEvent): void {
    const stream = this.#running.get(id)
    if (!stream) return
    if (cachedTokens !== undefined) stream.markPlaced(cachedTokens)
    if (tokens.length > 0) stream.push(tokens)
    if (error) {
      const reason = SpillwayError.fromWire(error)
      // The model left its lane. The sequence is not at fault, and another lane continues it.
      if (reason.code === 'lane_lost') this.#move(stream, reason)
      else stream.fail(reason)
    } else if (finish) {
      this.#meanMs = this.#meanMs === 0 ? stream.ageMs : 0.8 * this.#meanMs + 0.2 * stream.ageMs
      stream.end(finish)
    }
  }

  /** Another lane continues the sequences of one that is lost. */
  #moveAll(lane: Lane, cause: unknown): void {
    if (this.#leased?.lane !== lane) return
    this.#release()
    const error = SpillwayError.from(cause, 'lane_lost', 'The lane was lost')
    for (const stream of [...this.#running.values()]) {
      if (error.code === 'lane_lost' && !stream.hasProgressed) stream.deaths++
      if (stream.deaths >= maxDeaths) stream.fail(poisoned('one sequence', error))
      else this.#move(stream, error)
    }
    this.#planDispatch()
  }

  #move(stream: SequenceStream, error: SpillwayError): void {
    this.#running.delete(stream.id)
    if (++stream.moves > maxMoves) stream.fail(error)
    else this.#enqueue(stream)
  }

  /** A sequence ended. Where the lane did not end it, its slot is free within one step. */
  #remove(stream: SequenceStream): void {
    const isRunning = this.#running.get(stream.id) === stream
    this.#waiting = this.#waiting.filter((other) => other !== stream)
    if (isRunning) {
      this.#running.delete(stream.id)
      const leased = this.#leased
      if (!stream.isFinished)
        leased?.lane
          .cancelSequences(this.#options.session, [stream.id])
          .catch((cause: unknown) => this.#moveAll(leased.lane, cause))
    }
    this.#planDispatch()
  }
}

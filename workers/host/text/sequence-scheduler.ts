import { abortedBy } from '../../../models/async/abort.ts'
import type { Clock } from '../../../models/async/clock.ts'
import { type GenerationSpec, SpillwayError } from '../../../models/core/index.ts'
import type { GeneratorLoad, TokenRequest } from '../../protocol/generation.ts'
import type { SequenceEvent } from '../../protocol/lane.ts'
import type { Lane } from '../lane-client/lane.ts'
import type { LeasedLane } from '../pool/lane-holder.ts'
import { closed } from '../scheduler/errors.ts'
import { rankOf } from '../scheduler/priority.ts'
import { maxDeaths } from '../scheduler/retry.ts'
import { SequenceStream } from './sequence-stream.ts'
import type { GenerateOptions, TokenGenerator, TokenStream } from './types.ts'

export interface SequenceSchedulerOptions {
  /** The session's name in its lane. */
  readonly session: string
  readonly spec: GenerationSpec
  /** A lane with the model in it, started and loaded where there is none. */
  readonly lease: () => Promise<LeasedLane>
  readonly executedOn: TokenGenerator['executedOn']
  /** Sequences in a lane at once. */
  readonly slots: number
  /** Past so many that wait, one more is refused as `overloaded`. */
  readonly maxWaiting: number
  readonly clock: Clock
}

/** Times that a sequence is taken to another lane without a token of the one before. */
const maxMoves = 5

/**
 * Sequences wait here for a slot in a lane, and are moved when their lane is lost: each is kept as its prompt and the
 * tokens that came of it, which is all that another lane needs to go on.
 */
export class SequenceScheduler implements TokenGenerator {
  readonly #options: SequenceSchedulerOptions
  #waiting: SequenceStream[] = []
  readonly #running = new Map<number, SequenceStream>()
  #held: LeasedLane | undefined
  #isLeasing = false
  #laneLoad: GeneratorLoad | undefined
  #ids = 0
  #planned = false
  #closed = false
  /** Of the sequences that ended last: how long one takes. */
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

  generate(request: TokenRequest, options: GenerateOptions = {}): TokenStream {
    const { clock, spec } = this.#options
    const stream = new SequenceStream(
      withDefaults(request, spec),
      clock,
      rankOf(clock.now(), options.priority),
      (left) => this.#drop(left),
    )
    const refusal = this.#refusal(request, options.signal)
    if (refusal) stream.fail(refusal)
    else {
      stream.watch(options)
      this.#queue(stream)
      this.#plan()
    }
    return stream
  }

  close(): void {
    this.#closed = true
    for (const stream of [...this.#waiting, ...this.#running.values()]) stream.fail(closed())
    this.#release()
  }

  #refusal({ prompt, maxTokens }: TokenRequest, signal: AbortSignal | undefined): SpillwayError | undefined {
    const { spec, maxWaiting, slots } = this.#options
    if (signal?.aborted) return abortedBy(signal)
    if (this.#closed) return closed()
    if (prompt.length < 1 || prompt.length >= spec.context) {
      return new SpillwayError('context_exceeded', 'The prompt does not fit the context', {
        expected: `1 to ${spec.context - 1} tokens`,
        got: `${prompt.length}`,
        hint: 'Shorten it, or ask for its beginning to be left out.',
      })
    }
    const strange = prompt.find((token) => !Number.isInteger(token) || token < 0 || token >= spec.vocabulary)
    if (strange !== undefined || !(maxTokens >= 1)) {
      return new SpillwayError('input_value_invalid', 'The sequence cannot be continued', {
        expected: `tokens from 0 to ${spec.vocabulary - 1}, and one new token at least`,
        got: strange === undefined ? `${maxTokens} new tokens` : `the token ${strange}`,
      })
    }
    if (this.#waiting.length < maxWaiting) return undefined
    return new SpillwayError('overloaded', 'Every slot is taken and the queue is full', {
      expected: `fewer than ${maxWaiting} waiting`,
      got: `${this.#waiting.length} waiting, ${this.#running.size} running`,
      retryAfterMs: Math.max(1, Math.ceil((this.#meanMs * maxWaiting) / 2 / slots)),
      hint: 'Try again later, or send less at once.',
    })
  }

  /** By rank; those of one rank in the order in which they came. */
  #queue(stream: SequenceStream): void {
    const after = this.#waiting.findIndex(({ rank }) => rank > stream.rank)
    this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, stream)
  }

  /** Those who ask together begin together. */
  #plan(): void {
    if (this.#planned) return
    this.#planned = true
    queueMicrotask(() => {
      this.#planned = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    if (this.#waiting.length === 0) {
      if (this.#running.size === 0) this.#release()
      return
    }
    if (!this.#held) {
      if (!this.#isLeasing) void this.#lease()
      return
    }
    const { lane } = this.#held
    const next = this.#next()
    if (next.length === 0) return
    const wasIdle = this.#running.size === 0
    const requests = next.map((stream) => {
      const id = ++this.#ids
      stream.id = id
      stream.hasProgressed = false
      this.#running.set(id, stream)
      return { id, request: stream.rest() }
    })
    this.#waiting = this.#waiting.filter((stream) => !next.includes(stream))
    // Asked for before they begin, so that the first token finds who waits for it.
    if (wasIdle) void this.#follow(lane)
    lane.begin(this.#options.session, requests).catch((cause: unknown) => this.#lose(lane, cause))
  }

  /** As many as there are slots for. What may have killed a lane goes alone until it has made a token, so that no other is blamed for it. */
  #next(): SequenceStream[] {
    const free = this.#options.slots - this.#running.size
    if ([...this.#running.values()].some(({ deaths }) => deaths > 0)) return []
    const suspect = this.#waiting.find(({ deaths }) => deaths > 0)
    if (suspect) return this.#running.size === 0 ? [suspect] : []
    return this.#waiting.slice(0, Math.max(0, free))
  }

  async #lease(): Promise<void> {
    this.#isLeasing = true
    try {
      const held = await this.#options.lease()
      if (this.#closed) held.release()
      else this.#held = held
    } catch (cause) {
      const error = SpillwayError.from(cause, 'lane_failed', 'No lane could decode')
      for (const stream of [...this.#waiting]) stream.fail(error)
    } finally {
      this.#isLeasing = false
    }
    this.#dispatch()
  }

  #release(): void {
    this.#held?.release()
    this.#held = undefined
  }

  /** Takes what the lane tells for as long as it decodes for us. */
  async #follow(lane: Lane): Promise<void> {
    const { session } = this.#options
    try {
      while (this.#running.size > 0 && this.#held?.lane === lane) {
        const { events, load } = await lane.steps(session)
        this.#laneLoad = load
        if (this.#held?.lane !== lane) return
        for (const event of events) this.#receive(event)
        this.#dispatch()
      }
    } catch (cause) {
      this.#lose(lane, cause)
    }
  }

  #receive({ id, tokens, cached, finish, error }: SequenceEvent): void {
    const stream = this.#running.get(id)
    if (!stream) return
    if (cached !== undefined) stream.placed(cached)
    if (tokens.length > 0) stream.push(tokens)
    if (error) {
      const reason = SpillwayError.fromWire(error)
      // The model left its lane: that is nobody's fault, and another takes it up.
      if (reason.code === 'lane_lost') this.#again(stream, reason)
      else stream.fail(reason)
    } else if (finish) {
      this.#meanMs = this.#meanMs === 0 ? stream.ageMs : 0.8 * this.#meanMs + 0.2 * stream.ageMs
      stream.end(finish)
    }
  }

  /** What the lane decoded goes on in another. */
  #lose(lane: Lane, cause: unknown): void {
    if (this.#held?.lane !== lane) return
    this.#release()
    const error = SpillwayError.from(cause, 'lane_lost', 'The lane was lost')
    for (const stream of [...this.#running.values()]) {
      if (error.code === 'lane_lost' && !stream.hasProgressed) stream.deaths++
      if (stream.deaths >= maxDeaths) stream.fail(poisoned(error))
      else this.#again(stream, error)
    }
    this.#plan()
  }

  #again(stream: SequenceStream, error: SpillwayError): void {
    this.#running.delete(stream.id)
    if (++stream.moves > maxMoves) stream.fail(error)
    else this.#queue(stream)
  }

  /** Whoever ends it: its slot is free within a step. */
  #drop(stream: SequenceStream): void {
    const isRunning = this.#running.get(stream.id) === stream
    this.#waiting = this.#waiting.filter((one) => one !== stream)
    if (isRunning) {
      this.#running.delete(stream.id)
      const held = this.#held
      if (!stream.isFinished)
        held?.lane
          .cancel(this.#options.session, [stream.id])
          .catch((cause: unknown) => this.#lose(held.lane, cause))
    }
    this.#plan()
  }
}

/** What a request does not say is as the manifest has it; chance is made here, so that it goes along to other lanes. */
function withDefaults(request: TokenRequest, { sampling = {} }: GenerationSpec): TokenRequest {
  const given = Object.fromEntries(
    Object.entries(request.sampling).filter(([, value]) => value !== undefined),
  )
  const seed = Math.floor(Math.random() * 2 ** 32)
  return { ...request, sampling: { seed, ...sampling, ...given } }
}

const poisoned = (error: SpillwayError) =>
  new SpillwayError(
    'poisoned',
    'Two lanes died of one sequence',
    { got: error.message, hint: 'The request or the model is at fault; it is not tried again.' },
    { cause: error },
  )

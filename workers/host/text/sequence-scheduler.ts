import { abortedBy } from '../../../models/async/abort.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import { withDefaultSampling } from '../../../models/core/sampling.ts'
import type { GeneratorLoad, TokenRequest } from '../../protocol/generation.ts'
import type { SequenceEvent } from '../../protocol/lane.ts'
import { closed, poisoned } from '../scheduler/errors.ts'
import { maxDeaths } from '../scheduler/replay.ts'
import type { WaitOptions } from '../scheduler/work.ts'
import { sequenceFault } from './check-sequence.ts'
import { KnownVocabulary } from './known-vocabulary.ts'
import type { LeasedSession, SequenceSchedulerOptions } from './sequence-options.ts'
import { SequenceQueue, sequenceToInterrupt } from './sequence-queue.ts'
import { SequenceStream } from './sequence-stream.ts'
import { SlotTimes } from './slot-times.ts'
import type { TokenGenerator, TokenStream } from './types.ts'

/** Lanes in a row that a sequence may leave without a token before it fails. */
const maxMoves = 5

/**
 * Sequences of one model wait here for a slot in a lane, and move to another lane when theirs is lost. A sequence is kept
 * as its prompt and the tokens so far, which is all that another lane needs to continue it.
 */
export class SequenceScheduler implements TokenGenerator {
  readonly #options: SequenceSchedulerOptions
  readonly #queue: SequenceQueue
  readonly #running = new Map<number, SequenceStream>()
  #leased: LeasedSession | undefined
  /** The lease whose events are being read. */
  #reading: LeasedSession | undefined
  readonly #vocabulary = new KnownVocabulary()
  #isLeasing = false
  #laneLoad: GeneratorLoad | undefined
  #lastId = 0
  #isDispatchPlanned = false
  #closed: SpillwayError | undefined
  readonly #times: SlotTimes
  /** Whether a sequence came to wait since a slot was last sought for its caller. */
  #hasNewcomer = false

  constructor(options: SequenceSchedulerOptions) {
    this.#options = options
    this.#times = new SlotTimes(options.slots)
    const { maxWaiting: sequences, maxWaitingTokens: tokens = Number.POSITIVE_INFINITY } = options
    this.#queue = new SequenceQueue({ sequences, tokens })
  }

  get executedOn(): TokenGenerator['executedOn'] {
    return this.#leased?.spec ?? this.#options.executedOn
  }

  get context(): number {
    return this.#options.context ?? this.#options.spec.context
  }

  get load(): GeneratorLoad {
    return {
      slots: this.#times.slots,
      running: this.#running.size,
      waiting: this.#queue.size,
      kvUsage: this.#laneLoad?.kvUsage ?? 0,
    }
  }

  generate(request: TokenRequest, options: WaitOptions = {}): TokenStream {
    const { clock, spec } = this.#options
    const refusal = this.#refusal(request, options)
    const turn = refusal ? undefined : this.#queue.takeTurn(options, this.#times.costMs)
    const stream = new SequenceStream(
      // The seed is made here, so that it moves to other lanes with the sequence.
      { ...request, sampling: withDefaultSampling(request.sampling, spec.sampling) },
      clock,
      options.priority,
      turn,
      (ended) => this.#remove(ended),
    )
    if (refusal) stream.fail(refusal)
    else {
      stream.watch(options)
      this.#enqueue(stream)
      this.#planDispatch()
    }
    return stream
  }

  refusal(sequences: number, tokens: number, wait: WaitOptions = {}): SpillwayError | undefined {
    if (this.#closed) return this.#closed
    if (!this.#queue.placesFor(sequences, tokens, wait)) return this.#overloaded()
    return this.#times.refusal(this.#queue, this.#options.maxStartMs, wait)
  }

  /** Sequences in progress go on where the next lane is. */
  relocate(): void {
    for (const stream of [...this.#running.values()]) {
      this.#running.delete(stream.id)
      this.#cancel(stream)
      this.#queue.push(stream)
    }
    this.#release()
    this.#planDispatch()
  }

  /** @param reason The error of sequences in progress, and of later ones. */
  close(reason = closed()): void {
    this.#closed = reason
    for (const stream of [...this.#queue.all, ...this.#running.values()]) stream.fail(reason)
    this.#release()
  }

  /** The session's name in the lane. */
  get #session(): string {
    return this.#leased?.spec?.key ?? this.#options.session
  }

  /** A refusal, or none and a place in the queue, which another caller's sequence may have to give. */
  #refusal(request: TokenRequest, wait: WaitOptions): SpillwayError | undefined {
    const { signal } = wait
    if (signal?.aborted) return abortedBy(signal)
    if (this.#closed) return this.#closed
    const fault = sequenceFault(request, this.#options.spec)
    if (fault) return fault
    const displaced = this.#queue.placesFor(1, request.prompt.length, wait)
    if (!displaced) return this.#overloaded()
    const late = this.#times.refusal(this.#queue, this.#options.maxStartMs, wait)
    if (late) return late
    for (const stream of displaced) stream.fail(this.#overloaded())
    return undefined
  }

  #overloaded(): SpillwayError {
    return this.#queue.refusal(this.#running.size, this.#times.doneMs(this.#options.maxWaiting / 2))
  }

  #enqueue(stream: SequenceStream): void {
    this.#queue.push(stream)
    this.#hasNewcomer = true
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
    if (this.#queue.size === 0) {
      if (this.#running.size === 0) this.#release()
      return
    }
    if (!this.#leased) {
      if (!this.#isLeasing) void this.#lease()
      return
    }
    const leased = this.#leased
    const next = this.#next()
    if (next.length === 0) return
    const requests = next.map((stream) => {
      stream.id = ++this.#lastId
      stream.hasProgressed = false
      this.#running.set(stream.id, stream)
      return { id: stream.id, request: this.#vocabulary.requestFor(leased, stream.remaining()) }
    })
    this.#queue.take(next)
    // Called before `addSequences`, so that the first token finds a reader.
    if (this.#reading !== leased) void this.#readEvents(leased)
    const added = leased.lane.addSequences(this.#session, requests)
    added.catch((cause: unknown) => this.#moveAll(leased, cause))
  }

  /**
   * As many as there are free slots. A sequence that may have killed a lane runs alone until it has a token, so that no
   * other is blamed for it.
   */
  #next(): SequenceStream[] {
    for (const { deaths } of this.#running.values()) if (deaths > 0) return []
    const suspect = this.#queue.all.find(({ deaths }) => deaths > 0)
    if (suspect) return this.#running.size === 0 ? [suspect] : []
    const free = this.#times.slots - this.#running.size
    return free > 0 ? this.#queue.all.slice(0, free) : this.#nextOfNewcomer()
  }

  /**
   * A caller without a slot gets one of the caller that has the most, whose sequence goes on later from its last token: a
   * text may take minutes, and a caller may ask for a hundred at once.
   */
  #nextOfNewcomer(): SequenceStream[] {
    if (!this.#hasNewcomer) return []
    const callers = new Set<string | undefined>()
    for (const { turn } of this.#running.values()) callers.add(turn?.caller)
    const newcomer = this.#queue.all.find(({ turn }) => turn && !callers.has(turn.caller))
    const interrupted = newcomer && sequenceToInterrupt(this.#running.values())
    if (!interrupted) {
      this.#hasNewcomer = false
      return []
    }
    interrupted.interruptions++
    this.#running.delete(interrupted.id)
    this.#cancel(interrupted)
    this.#queue.push(interrupted)
    this.#planDispatch()
    return [newcomer]
  }

  async #lease(): Promise<void> {
    this.#isLeasing = true
    try {
      const leased = await this.#options.lease()
      if (this.#closed) leased.release()
      else this.#leased = leased
    } catch (cause) {
      const error = SpillwayError.from(cause, 'lane_failed', 'No lane could decode')
      for (const stream of [...this.#queue.all]) stream.fail(error)
    } finally {
      this.#isLeasing = false
    }
    this.#dispatch()
  }

  #release(): void {
    this.#leased?.release()
    this.#leased = undefined
    this.#times.slots = this.#options.slots
  }

  /** Takes events from the lane for as long as it decodes sequences of this scheduler. */
  async #readEvents(leased: LeasedSession): Promise<void> {
    this.#reading = leased
    try {
      while (this.#running.size > 0 && this.#leased === leased) {
        const { events, load } = await leased.lane.takeEvents(this.#session)
        if (this.#leased !== leased) return
        this.#laneLoad = load
        this.#times.slots = load.slots
        for (const event of events) this.#receive(event)
        this.#dispatch()
      }
    } catch (cause) {
      this.#moveAll(leased, cause)
    } finally {
      if (this.#reading === leased) this.#reading = undefined
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
      this.#times.ended(stream)
      stream.end(finish)
    }
  }

  /** Another lane continues the sequences of one that is lost. */
  #moveAll(leased: LeasedSession, cause: unknown): void {
    if (this.#leased !== leased) return
    const hasMoved = this.#options.hasMoved?.(this.#session) === true
    this.#release()
    const error = SpillwayError.from(cause, 'lane_lost', 'The lane was lost')
    for (const stream of [...this.#running.values()]) {
      // On another backend it may go well: the device was at fault.
      if (hasMoved) stream.deaths = 0
      else if (error.code === 'lane_lost' && !stream.hasProgressed) stream.deaths++
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
    this.#queue.remove(stream)
    if (this.#running.get(stream.id) === stream) {
      this.#running.delete(stream.id)
      if (!stream.isFinished) this.#cancel(stream)
    }
    this.#planDispatch()
  }

  #cancel({ id }: SequenceStream): void {
    const leased = this.#leased
    leased?.lane.cancelSequences(this.#session, [id]).catch((cause: unknown) => this.#moveAll(leased, cause))
  }
}

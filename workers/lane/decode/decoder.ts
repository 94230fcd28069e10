import { SpillwayError } from '../../../models/core/index.ts'
import type { FinishReason, GeneratorLoad } from '../../protocol/generation.ts'
import type { EventsReply, SequenceRequest } from '../../protocol/lane.ts'
import type { Kv } from '../kv/kv.ts'
import type { Chosen } from '../sampling/types.ts'
import { Choosing, type ChoosingOptions } from './choosing.ts'
import { createSlots } from './create-slots.ts'
import type { DecoderOptions } from './decoder-options.ts'
import { checkLength, noMemory, wireError } from './errors.ts'
import { EventBuffer } from './event-buffer.ts'
import { PreparingSequences } from './preparing-sequences.ts'
import { Prompts } from './prompts.ts'
import { type Proposal, Proposals } from './proposals.ts'
import { type RaggedPart, RaggedParts } from './ragged-parts.ts'
import { Runs } from './runs.ts'
import { Sequence } from './sequence.ts'
import { SequenceQueue } from './sequence-queue.ts'
import type { Slots } from './slots.ts'
import { StepCosts, type StepKind } from './step-costs.ts'

/** After so long without work, the slots' memory is given back. */
const idleMs = 60_000

/**
 * Decodes the sequences of one model, all in one step (continuous batching): they join and leave between steps. A
 * prompt is read in chunks between the others' steps, so that a long one delays no other for long.
 */
export class Decoder {
  readonly #options: DecoderOptions
  readonly #kv: Kv
  readonly #slots: Slots<Sequence>
  readonly #events: EventBuffer
  readonly #preparing: PreparingSequences
  readonly #choosing: Choosing
  readonly #runs: Runs
  readonly #prompts: Prompts
  readonly #parts: RaggedParts
  readonly #proposals: Proposals
  readonly #queue: SequenceQueue
  readonly #costs: StepCosts
  /** Whether sequences came, left or ended since a step was begun without any in flight. */
  #hasChanged = false
  #isAwake = false
  #isClosed = false
  #cancelIdle: () => void = () => {}

  constructor(options: DecoderOptions) {
    this.#options = options
    this.#kv = options.kv
    this.#costs = new StepCosts(options)
    this.#slots = createSlots(options, () => this.#costs.slots)
    const onEnd: ChoosingOptions['onEnd'] = (one, error) => this.#end(one, { finish: 'stop', error })
    this.#choosing = new Choosing({ ...options, onEnd })
    this.#events = new EventBuffer(options.clock, () => this.load)
    const exclusive: DecoderOptions['exclusive'] = (work) => this.#exclusive(work)
    const shared = { ...options, exclusive, slots: this.#slots, costs: this.#costs, events: this.#events }
    this.#proposals = new Proposals({ ...shared, choosing: this.#choosing })
    this.#runs = new Runs(options, exclusive)
    this.#queue = new SequenceQueue(this.#slots, this.#events)
    this.#parts = new RaggedParts(shared)
    this.#prompts = new Prompts({ ...shared, runs: this.#runs })
    this.#preparing = new PreparingSequences({
      formats: options.formats,
      onReady: (sequence) => {
        this.#queue.add(sequence)
        this.#startWork()
      },
      onFailure: (sequence, cause) => {
        this.#end(sequence, { error: cause })
        this.#events.flush()
      },
    })
  }

  get load(): GeneratorLoad {
    const { running, waiting, isShort } = this.#queue
    return {
      slots: isShort ? Math.min(this.#costs.slots, running.length) : this.#costs.slots,
      running: running.length,
      waiting: waiting.length + this.#preparing.all.length,
      kvUsage: this.#slots.usage,
    }
  }

  /** Queues sequences. One that is refused ends with an error event. */
  add(requests: readonly SequenceRequest[]): void {
    const { context } = this.#slots
    for (const { id, request } of requests) {
      try {
        this.#options.formats?.keep(request.format?.vocabulary)
        checkLength(request.prompt.length, context)
        const sequence = new Sequence(id, request, context, this.#options.chooser)
        if (request.format) void this.#preparing.add(sequence, request.format)
        else this.#queue.add(sequence)
      } catch (cause) {
        this.#events.add({ id, tokens: [], error: wireError(cause) })
        this.#events.flush()
      }
    }
    this.#startWork()
  }

  /** Sequences whose callers have left. Each leaves its slot before the next step. */
  cancel(ids: readonly number[]): void {
    for (const sequence of this.#all) if (ids.includes(sequence.id)) sequence.isCancelled = true
    this.#hasChanged = true
    this.#choosing.wake()
  }

  takeEvents(): Promise<EventsReply> {
    return this.#events.take()
  }

  /** Ends all sequences with the error, and frees the memory. Not to be called during a run. */
  close(error: SpillwayError): void {
    this.#isClosed = true
    this.#cancelIdle()
    for (const sequence of this.#all) this.#end(sequence, { error })
    this.#events.flush()
    this.#options.formats?.close()
    this.#proposals.close()
    this.#options.chooser.close()
    this.#kv.dispose()
  }

  get #all(): Sequence[] {
    return [...this.#preparing.all, ...this.#queue.waiting, ...this.#queue.running]
  }

  #startWork(): void {
    this.#hasChanged = true
    this.#choosing.wake()
    if (!this.#isAwake && !this.#isClosed && this.#queue.waiting.length > 0) void this.#work()
  }

  async #work(): Promise<void> {
    this.#isAwake = true
    this.#cancelIdle()
    while (
      !this.#isClosed &&
      this.#queue.waiting.length + this.#queue.running.length + this.#choosing.inFlight > 0
    ) {
      try {
        await this.#step()
      } catch (cause) {
        this.#choosing.clear()
        this.#slots.clear()
        const error = SpillwayError.from(cause, 'run_failed', 'A decoding step failed')
        for (const sequence of this.#queue.running) this.#end(sequence, { error })
      }
      await this.#events.stepped()
      await this.#options.yieldToEventLoop()
    }
    this.#isAwake = false
    if (!this.#isClosed) this.#cancelIdle = this.#options.clock.after(idleMs, () => this.#shrink())
  }

  /** While tokens are in flight, nothing but further steps of the same sequences is started. */
  async #step(): Promise<void> {
    const from = this.#options.clock.now()
    const kind = this.#choosing.inFlight > 0 ? this.#choosing.kind : await this.#startStep()
    for (let ahead = this.#goingAhead(); ahead.length > 0; ahead = this.#goingAhead())
      await this.#decode(ahead)
    await this.#takeChosen()
    this.#costs.add(kind, this.#options.clock.now() - from)
  }

  /** One chunk of one prompt, and one token of every sequence whose prompt has been read. */
  async #startStep(): Promise<StepKind> {
    this.#hasChanged = false
    this.#endCancelled()
    await this.#choosing.startHeld(this.#queue.running)
    await this.#takeChosen()
    this.#admitWaiting()
    if (this.#kv.ragged) return this.#startRaggedStep()
    const reading = this.#prompts.next(this.#queue.running)
    const read = reading ? await this.#readChunk(reading) : 0
    this.#queue.reserve(() => this.#queue.running)
    // A prompt that was read to its end in this step has its first token already.
    const rows = this.#queue.running.filter(
      (sequence) => sequence !== reading && this.#prompts.unread(sequence) === 1,
    )
    const proposal = await this.#proposals.next(reading ? [] : rows)
    if (rows[0] && proposal.tokens.length > 0) await this.#verify(rows[0], proposal)
    else if (rows.length > 0) await this.#decode(rows)
    else if (!reading) await this.#choosing.heldSettled(this.#queue.running)
    return { rows: rows.length, tokens: 1 + proposal.tokens.length, read, isDrafted: proposal.isDrafted }
  }

  /** One run of parts of prompts, and of one token of every sequence whose prompt has been read. */
  async #startRaggedStep(): Promise<StepKind> {
    let parts: readonly RaggedPart[] = []
    this.#queue.reserve(() => {
      parts = this.#parts.next(this.#queue.running)
      return parts.map(({ sequence }) => sequence)
    })
    const steps = parts.filter(({ isStep }) => isStep).map(({ sequence }) => sequence)
    const [first] = steps
    const proposal = await this.#proposals.next(parts.length === 1 ? steps : [])
    if (first && proposal.tokens.length > 0) await this.#verify(first, proposal)
    else if (parts.length > 0) {
      const sequences = parts.map(({ sequence }) => sequence)
      await this.#choosing.start(sequences, await this.#runs.ragged(parts))
    } else await this.#choosing.heldSettled(this.#queue.running)
    const read = parts.reduce((sum, { count }) => sum + count, 0) - steps.length
    return { rows: steps.length, tokens: 1 + proposal.tokens.length, read, isDrafted: proposal.isDrafted }
  }

  /** The sequences of the steps in flight, where one more step of them may be started. */
  #goingAhead(): readonly Sequence[] {
    const sequences = this.#hasChanged ? [] : this.#choosing.goingAhead(this.#queue.running)
    const hasRoom = (sequence: Sequence) => this.#kv.length(sequence.slot ?? 0) < this.#slots.room(sequence)
    return sequences.every(hasRoom) && !this.#proposals.arePossible(sequences) ? sequences : []
  }

  /** Starts a step. Where others are in flight, its rows' tokens are those that the last of them chooses. */
  async #decode(sequences: readonly Sequence[]): Promise<void> {
    await this.#choosing.start(sequences, await this.#runs.step(sequences, this.#choosing.inFlight > 0))
  }

  /** Hands on the tokens of the oldest step in flight. Those of sequences that have ended are thrown away. */
  async #takeChosen(): Promise<void> {
    for (const [sequence, chosen] of await this.#choosing.take()) this.#accept(sequence, [chosen])
  }

  /** Runs what was proposed at once, and hands on as much of it as steps one by one would have given, and one more. */
  async #verify(sequence: Sequence, { tokens: proposed, isDrafted }: Proposal): Promise<void> {
    const chosen = await this.#runs.verify(sequence, proposed)
    if (isDrafted) sequence.noteDraft(proposed.length, chosen.length - 1)
    this.#accept(sequence, chosen)
    const { slot, tokens } = sequence
    if (slot !== undefined) this.#kv.truncate(slot, tokens.length - 1)
  }

  /** Reads a chunk of a prompt, the last with the first new token. @returns how many tokens it has. */
  async #readChunk(sequence: Sequence): Promise<number> {
    const { tokens, logits } = await this.#prompts.read(sequence, this.#queue.running)
    if (logits) {
      await this.#choosing.start([sequence], [logits])
      await this.#takeChosen()
    }
    return tokens
  }

  /** Runs one thing in the runtime. The decoder may be closed while it waits: then nothing runs. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#options.exclusive(() => {
      if (this.#isClosed) throw new SpillwayError('lane_lost', 'The model was unloaded')
      return work()
    })
  }

  #isRunning = (sequence: Sequence): boolean =>
    !sequence.isCancelled && this.#queue.running.includes(sequence)

  /** Takes a sequence's next tokens, as far as it goes. */
  #accept(sequence: Sequence, chosen: readonly Chosen[]): void {
    for (const one of chosen) {
      if (!this.#isRunning(sequence)) return
      if (one instanceof SpillwayError) {
        this.#end(sequence, { error: one })
        return
      }
      const { token, finish } = sequence.accept(one)
      if (token) this.#events.add({ id: sequence.id, tokens: [token] })
      if (finish) this.#end(sequence, { finish })
    }
    if (this.#isRunning(sequence)) this.#proposals.expect(sequence, this.#queue.running)
  }

  /** Gives slots to waiting sequences. One that fits nowhere ends. */
  #admitWaiting(): void {
    for (let none = this.#queue.admit(); none; none = this.#queue.admit())
      this.#end(none, { error: noMemory(none.tokens.length) })
  }

  #end(sequence: Sequence, how: { readonly finish?: FinishReason; readonly error?: unknown }): void {
    const { id } = sequence
    this.#preparing.remove(sequence)
    this.#queue.remove(sequence)
    this.#hasChanged = true
    sequence.close()
    if (how.error !== undefined) this.#events.add({ id, tokens: [], error: wireError(how.error) })
    else if (how.finish) this.#events.add({ id, tokens: [], finish: how.finish })
  }

  #endCancelled(): void {
    for (const sequence of this.#all) if (sequence.isCancelled) this.#end(sequence, {})
  }

  #shrink(): void {
    void this.#options.exclusive(async () => {
      if (this.#isAwake || this.#isClosed) return
      this.#slots.shrink()
      this.#proposals.shrink()
      if (this.#preparing.all.length === 0) this.#options.formats?.close()
    })
  }
}

import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { FinishReason, GeneratorLoad } from '../../protocol/generation.ts'
import type { SequenceRequest, StepsReply } from '../../protocol/lane.ts'
import type { Kv, KvShape, LogitsMode } from '../kv/kv.ts'
import type { CreateSampler } from '../sampling/types.ts'
import { EventBuffer } from './event-buffer.ts'
import { Sequence } from './sequence.ts'
import { chooseSlot, type Slot } from './slots.ts'

export interface DecoderOptions {
  readonly kv: Kv
  /** Tokens that a sequence may have. */
  readonly context: number
  readonly maxSlots: number
  /** Bytes for keys and values. */
  readonly maxBytes: number
  /** Tokens that the graph selects; 0 where it tells all logits only. */
  readonly selected: number
  readonly createSampler: CreateSampler
  /** One thing at a time in the runtime. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>
  /** The end of this turn of the event loop. */
  readonly yieldToEventLoop: () => Promise<void>
  readonly clock: Clock
}

/** Tokens of a prompt that are read in one run: few while others wait for their next token, many where nobody does. */
const chunk = { shared: 32, alone: 256, withLogits: 16 }

/** Tokens that a slot has room for at first, beyond its prompt. */
const spare = 64

/** After so long without work, slots are given back. */
const idleMs = 60_000

/**
 * Decodes sequences of one model, all in one step: they come and leave between steps. A prompt is read in chunks
 * between the others' steps. What a sequence leaves in its slot stays for the next that begins with it.
 */
export class Decoder {
  readonly #options: DecoderOptions
  readonly #kv: Kv
  readonly #events: EventBuffer
  readonly #context: number
  /** What is to be had for keys and values: less than is allowed where the runtime gave less. */
  #maxBytes: number
  #slots: Slot<Sequence>[] = []
  #waiting: Sequence[] = []
  #running: Sequence[] = []
  #turns = 0
  #isAwake = false
  #isClosed = false
  #cancelIdle: () => void = () => {}

  constructor(options: DecoderOptions) {
    this.#options = options
    this.#kv = options.kv
    this.#maxBytes = options.maxBytes
    this.#events = new EventBuffer(options.clock, () => this.load)
    this.#slots = Array.from({ length: options.kv.shape.slots }, emptySlot)
    this.#context = this.#longest()
  }

  get load(): GeneratorLoad {
    const { slots, capacity } = this.#kv.shape
    const held = this.#slots.reduce((sum, _, slot) => sum + this.#kv.length(slot), 0)
    return {
      slots: this.#options.maxSlots,
      running: this.#running.length,
      waiting: this.#waiting.length,
      kvUsage: held / (slots * capacity),
    }
  }

  begin(requests: readonly SequenceRequest[]): void {
    for (const { id, request } of requests) {
      try {
        this.#check(request.prompt.length)
        this.#waiting.push(new Sequence(id, request, this.#context, this.#options.createSampler))
      } catch (cause) {
        this.#events.add({ id, tokens: [], error: wire(cause) })
        this.#events.flush()
      }
    }
    if (!this.#isAwake && !this.#isClosed) void this.#work()
  }

  /** Their callers have gone: each leaves its slot before the next step. */
  cancel(ids: readonly number[]): void {
    for (const sequence of [...this.#waiting, ...this.#running]) {
      if (ids.includes(sequence.id)) sequence.left = true
    }
  }

  steps(): Promise<StepsReply> {
    return this.#events.take()
  }

  /** Ends all with an error, and gives the memory back. Not during a run. */
  close(error: SpillwayError): void {
    this.#isClosed = true
    this.#cancelIdle()
    this.#failAll(error)
    this.#events.flush()
    this.#kv.dispose()
  }

  /** Tokens that one slot may have within the memory. */
  #longest(): number {
    const { context, maxBytes } = this.#options
    const perToken = this.#kv.bytes({ slots: 1, capacity: 1_024 }) / 1_024
    return Math.min(context, Math.max(1, Math.floor(maxBytes / perToken)))
  }

  #check(prompt: number): void {
    if (prompt >= 1 && prompt < this.#context) return
    throw new SpillwayError('context_exceeded', 'The prompt does not fit the context', {
      expected: `1 to ${this.#context - 1} tokens`,
      got: `${prompt}`,
    })
  }

  async #work(): Promise<void> {
    this.#isAwake = true
    this.#cancelIdle()
    while (!this.#isClosed && this.#waiting.length + this.#running.length > 0) {
      try {
        await this.#round()
      } catch (cause) {
        // What slots hold after a run that failed is not known.
        const error = SpillwayError.from(cause, 'run_failed', 'A decoding step failed')
        for (const slot of this.#slots.keys()) this.#kv.truncate(slot, 0)
        for (const slot of this.#slots) slot.kept = []
        for (const sequence of [...this.#running]) this.#end(sequence, { error })
      }
      await this.#events.stepped()
      await this.#options.yieldToEventLoop()
    }
    this.#isAwake = false
    if (!this.#isClosed) this.#cancelIdle = this.#options.clock.after(idleMs, () => this.#shrink())
  }

  /** A chunk of one prompt, and a step of all others that have read theirs. */
  async #round(): Promise<void> {
    for (const sequence of [...this.#waiting, ...this.#running]) if (sequence.left) this.#end(sequence, {})
    this.#admit()
    const { exclusive } = this.#options
    const reading = this.#running.find((sequence) => this.#unread(sequence) > 1)
    if (reading) await this.#read(reading)
    this.#makeRoom()
    // Whose first token came just now has had its turn.
    const rows = this.#running.filter((sequence) => sequence !== reading && this.#unread(sequence) === 1)
    if (rows.length === 0) return
    const logits = await exclusive(() =>
      this.#run(() =>
        this.#kv.decode(
          rows.map(({ slot = 0, tokens }) => ({ slot, token: tokens.at(-1) ?? 0 })),
          this.#logitsMode(rows),
        ),
      ),
    )
    for (const [row, sequence] of rows.entries()) {
      const told = logits[row]
      if (told && !sequence.left) this.#choose(sequence, told)
    }
  }

  /** A chunk of a prompt; at its end the first token comes with it, where that multiplies little with the vocabulary. */
  async #read(sequence: Sequence): Promise<void> {
    const { exclusive, selected } = this.#options
    const { slot = 0, tokens } = sequence
    const most = this.#running.length > 1 ? chunk.shared : chunk.alone
    const from = this.#kv.length(slot)
    const isLast = tokens.length - from <= (selected > 0 ? most : chunk.withLogits)
    const until = isLast ? tokens.length : Math.min(tokens.length - 1, from + most)
    const logitsMode = isLast ? this.#logitsMode([sequence]) : undefined
    const logits = await exclusive(() =>
      this.#run(() => this.#kv.prefill(slot, tokens.slice(from, until), logitsMode)),
    )
    if (logits && !sequence.left) this.#choose(sequence, logits)
  }

  /** Nothing is run for a decoder that was closed while it waited for its turn. */
  #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new SpillwayError('lane_lost', 'The model was unloaded')
    return work()
  }

  #unread({ slot = 0, tokens }: Sequence): number {
    return tokens.length - this.#kv.length(slot)
  }

  #logitsMode(rows: readonly Sequence[]): LogitsMode {
    const { selected } = this.#options
    return rows.every((sequence) => sequence.fits(selected)) ? 'top' : 'all'
  }

  #choose(sequence: Sequence, logits: Parameters<Sequence['next']>[0]): void {
    try {
      const { token, finish } = sequence.next(logits)
      if (token) this.#events.add({ id: sequence.id, tokens: [token] })
      if (finish) this.#end(sequence, { finish })
    } catch (cause) {
      this.#end(sequence, { error: cause })
    }
  }

  /** It is done, and its slot another's, who may go on from what is in it. */
  #end(sequence: Sequence, how: { readonly finish?: FinishReason; readonly error?: unknown }): void {
    const { id, slot } = sequence
    this.#waiting = this.#waiting.filter((one) => one !== sequence)
    this.#release(sequence)
    if (slot !== undefined) this.#keep(slot, sequence.tokens.slice(0, this.#kv.length(slot)))
    if (how.finish) this.#events.add({ id, tokens: [], finish: how.finish })
    else if (how.error !== undefined) this.#events.add({ id, tokens: [], error: wire(how.error) })
  }

  #release(sequence: Sequence): void {
    this.#running = this.#running.filter((one) => one !== sequence)
    const slot = this.#slots[sequence.slot ?? -1]
    if (slot) slot.owner = undefined
    sequence.slot = undefined
  }

  #keep(slot: number, tokens: readonly number[]): void {
    this.#slots[slot] = { owner: undefined, kept: tokens, usedAt: ++this.#turns }
  }

  #failAll(error: SpillwayError): void {
    for (const sequence of [...this.#waiting, ...this.#running]) this.#end(sequence, { error })
  }

  /** Gives slots to those that wait, first come first served, while there is memory. */
  #admit(): void {
    for (;;) {
      const [sequence] = this.#waiting
      if (!sequence) return
      if (this.#place(sequence)) {
        this.#waiting.shift()
        this.#running.push(sequence)
      } else if (this.#running.length > 0) return
      else this.#end(sequence, { error: noRoom(sequence.tokens.length) })
    }
  }

  #place(sequence: Sequence): boolean {
    const { tokens, request } = sequence
    const needed = Math.min(this.#context, tokens.length + Math.min(request.maxTokens - sequence.made, spare))
    let choice = chooseSlot(this.#slots, tokens)
    const free = choice && this.#slots[choice.slot]
    // Rather one slot more than to lose what another prompt may go on from.
    if (!choice || (choice.shared === 0 && (free?.kept.length ?? 0) > 0)) {
      const added = this.#slots.length
      if (this.#grow(added + 1, needed)) choice = { slot: added, shared: 0 }
    }
    const slot = choice && this.#fit(needed, choice.slot)
    if (!choice || slot === undefined) return false
    const cached = this.#kv.truncate(slot, choice.shared)
    this.#slots[slot] = { owner: sequence, kept: [], usedAt: ++this.#turns }
    sequence.slot = slot
    this.#events.add({ id: sequence.id, tokens: [], cached })
    return true
  }

  /** Room for a token more in every slot at work: where memory ends, the last to come has to wait and read again. */
  #makeRoom(): void {
    for (;;) {
      const last = this.#running.at(-1)
      const longest = Math.max(0, ...this.#running.map(({ tokens }) => tokens.length))
      if (this.#fit(longest, last?.slot ?? 0) !== undefined) return
      if (!last) return
      const { slot = 0 } = last
      this.#release(last)
      this.#kv.truncate(slot, 0)
      this.#keep(slot, [])
      this.#waiting.unshift(last)
    }
  }

  /**
   * So many tokens in every slot; where memory is short, slots that nobody uses are given up.
   * @returns where the slot is then, which stays; nothing where memory does not reach.
   */
  #fit(tokens: number, slot: number): number | undefined {
    const { slots, capacity } = this.#kv.shape
    if (tokens <= capacity || this.#grow(slots, tokens)) return slot
    const kept = [...this.#slots.keys()].filter((one) => one === slot || this.#slots[one]?.owner)
    if (kept.length === slots || !this.#resizeFor(kept.length, tokens, kept)) return undefined
    return kept.indexOf(slot)
  }

  #grow(slots: number, tokens: number): boolean {
    if (slots > this.#options.maxSlots) return false
    return this.#resizeFor(slots, Math.max(tokens, this.#kv.shape.capacity), [...this.#slots.keys()])
  }

  /** The roomiest shape that is to be had. */
  #resizeFor(slots: number, tokens: number, from: readonly number[]): boolean {
    for (;;) {
      const shape = this.#shapeFor(slots, tokens)
      if (!shape) return false
      if (this.#resize(shape, from)) return true
    }
  }

  /** The roomiest shape that fits: growing by doubling, seldom; or else just what is needed. */
  #shapeFor(slots: number, tokens: number): KvShape | undefined {
    const { maxSlots } = this.#options
    const roomy = Math.min(this.#context, 2 ** Math.ceil(Math.log2(tokens)))
    const more = slots > this.#slots.length ? Math.min(maxSlots, 2 * this.#slots.length) : slots
    return [
      { slots: more, capacity: roomy },
      { slots, capacity: roomy },
      { slots, capacity: tokens },
    ].find((shape) => this.#kv.bytes(shape) <= this.#maxBytes)
  }

  /**
   * Slots move: `from` says which stay, in their new order.
   * @returns false, and all is as it was, where the runtime has no memory for it: it is not asked for so much again.
   */
  #resize(shape: KvShape, from: readonly number[]): boolean {
    try {
      this.#kv.resize(shape, from)
    } catch {
      this.#maxBytes = this.#kv.bytes(shape) - 1
      return false
    }
    this.#slots = Array.from(
      { length: shape.slots },
      (_, slot) => this.#slots[from[slot] ?? -1] ?? emptySlot(),
    )
    for (const [index, { owner }] of this.#slots.entries()) if (owner) owner.slot = index
    return true
  }

  /** Nothing was asked for in a long time: memory goes back, and what prompts could have gone on from with it. */
  #shrink(): void {
    void this.#options.exclusive(async () => {
      if (this.#isAwake || this.#isClosed) return
      this.#resize({ slots: 1, capacity: Math.min(this.#context, spare) }, [])
      this.#maxBytes = this.#options.maxBytes
    })
  }
}

const emptySlot = (): Slot<Sequence> => ({ owner: undefined, kept: [], usedAt: 0 })

const noRoom = (tokens: number) =>
  new SpillwayError('memory_exhausted', 'There is no memory for the keys and values of this text', {
    got: `${tokens} tokens`,
    hint: 'Try a shorter text, or a smaller variant of the model.',
  })

const wire = (cause: unknown) => SpillwayError.from(cause, 'internal', 'A sequence failed').toWire()

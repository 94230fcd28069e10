import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { TokenFormat } from '../../protocol/generation.ts'
import type {
  Allowed,
  FormatCall,
  FormatReply,
  FormatWorker,
  OpenFormat,
  StartFormatWorker,
} from './messages.ts'

/** Milliseconds that a format may take to compile, and then for each token: both can take minutes. */
const longest = { open: 10_000, token: 2_000 }

/** A worker is replaced after so many errors: the grammar engine leaks memory with each. */
const mostFaults = 16

/** A text that is held to its format. */
export interface HeldFormat {
  /** What may come next; undefined while that is computed. */
  readonly allowed: Allowed | undefined
  /** Resolves when it is known, or cannot be: `allowed` then throws. */
  readonly settled: Promise<void>
  /** The text goes on with this token. */
  goOn(token: number): void
  close(): void
}

interface HeldText {
  readonly id: number
  readonly format: OpenFormat
  readonly tokens: number[]
  /** The worker that holds it. Another has to be given all of its tokens. */
  worker: FormatWorker | undefined
  isClosed: boolean
}

/** One call of the worker at work, or that waits for it. */
interface Pending {
  readonly text: HeldText
  /** Milliseconds that it may take. */
  longestMs: number
  resolve(allowed: Allowed): void
  reject(error: SpillwayError): void
}

/**
 * Holds texts to their formats in a worker of its own, which may take long over one of them or die of it: the lane does
 * neither. The worker is started with the first text. Texts that were in a worker that died go on in the next.
 */
export class Formats {
  readonly #start: StartFormatWorker
  readonly #clock: Clock
  readonly #size: number
  #worker: FormatWorker | undefined
  #pieces: string | undefined
  #lastId = 0
  /** By number, in the order in which the worker answers. */
  readonly #pending = new Map<number, Pending>()
  #cancelTimer: () => void = () => {}
  /** Errors that the worker has answered with. */
  #faults = 0

  /** @param size Number of tokens that the model has logits for. */
  constructor(start: StartFormatWorker, clock: Clock, size: number) {
    this.#start = start
    this.#clock = clock
    this.#size = size
  }

  /**
   * Begins to hold a text, in which `tokens` came already.
   *
   * @throws SpillwayError `input_value_invalid` for a format that cannot be met, or takes too long to prepare.
   */
  async hold(
    { format, vocabulary, forbidden = [] }: TokenFormat,
    stopTokens: readonly number[],
    tokens: readonly number[],
  ): Promise<HeldFormat> {
    this.#pieces ??= vocabulary
    const text: HeldText = {
      id: ++this.#lastId,
      format: { format, stopTokens, forbidden, tokens },
      tokens: [...tokens],
      worker: undefined,
      isClosed: false,
    }
    const first = await this.#ask(text)
    return new Held(
      text,
      first,
      () => this.#ask(text),
      () => this.#close(text),
    )
  }

  /** Ends the worker. */
  close(): void {
    this.#end(new SpillwayError('closed', 'The model was unloaded'))
  }

  #close(text: HeldText): void {
    if (text.worker && text.worker === this.#worker) this.#worker.post({ close: text.id })
    text.isClosed = true
  }

  #ask(text: HeldText): Promise<Allowed> {
    return new Promise((resolve, reject) => {
      this.#send({ text, longestMs: longest.open, resolve, reject })
    })
  }

  #send(pending: Pending): void {
    const { text } = pending
    let worker: FormatWorker
    try {
      worker = this.#started()
    } catch (cause) {
      pending.reject(SpillwayError.from(cause, 'lane_failed', 'No worker for formats started'))
      return
    }
    const call = ++this.#lastId
    const token = text.tokens.at(-1)
    const isHeld = text.worker === worker && token !== undefined
    pending.longestMs = isHeld ? longest.token : longest.open
    const message: FormatCall = isHeld
      ? { call, text: text.id, token }
      : { call, text: text.id, open: { ...text.format, tokens: text.tokens } }
    text.worker = worker
    this.#pending.set(call, pending)
    if (this.#pending.size === 1) this.#watch()
    worker.post(message)
  }

  #started(): FormatWorker {
    if (this.#worker) return this.#worker
    if (this.#pieces === undefined)
      throw new SpillwayError('internal', 'A format came without the vocabulary')
    const worker = this.#start(
      (reply) => this.#worker === worker && this.#receive(reply),
      (reason) => this.#worker === worker && this.#replace(died(reason)),
    )
    this.#worker = worker
    worker.post({ vocabulary: { pieces: this.#pieces, size: this.#size } })
    return worker
  }

  #receive({ reply, allowed, error }: FormatReply): void {
    const pending = this.#pending.get(reply)
    this.#pending.delete(reply)
    this.#watch()
    if (allowed) pending?.resolve(allowed)
    else pending?.reject(error ? SpillwayError.fromWire(error) : died('an empty answer'))
    if (error && ++this.#faults >= mostFaults) this.#renew()
  }

  /** Bounds the call at hand. */
  #watch(): void {
    this.#cancelTimer()
    const [first] = this.#pending.values()
    if (!first) return
    const { longestMs } = first
    this.#cancelTimer = this.#clock.after(longestMs, () => this.#replace(tooSlow(longestMs)))
  }

  /** The call at hand fails. The others are made again in a new worker. */
  #replace(error: SpillwayError): void {
    const [first, ...others] = this.#pending.values()
    this.#pending.clear()
    this.#end(error)
    first?.reject(error)
    this.#sendAgain(others)
  }

  /** The calls at hand are made again in a new worker. */
  #renew(): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    this.#end(died('it had failed often'))
    this.#sendAgain(pending)
  }

  #sendAgain(calls: readonly Pending[]): void {
    for (const pending of calls)
      if (pending.text.isClosed) pending.reject(died('the text had ended'))
      else this.#send(pending)
  }

  #end(error: SpillwayError): void {
    this.#cancelTimer()
    this.#worker?.terminate()
    this.#worker = undefined
    this.#faults = 0
    const failed = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of failed) reject(error)
  }
}

class Held implements HeldFormat {
  readonly #text: HeldText
  readonly #ask: () => Promise<Allowed>
  readonly close: () => void
  #allowed: Allowed | undefined
  #error: SpillwayError | undefined
  settled = Promise.resolve()

  constructor(text: HeldText, first: Allowed, ask: () => Promise<Allowed>, close: () => void) {
    this.#text = text
    this.#allowed = first
    this.#ask = ask
    this.close = close
  }

  get allowed(): Allowed | undefined {
    if (this.#error) throw this.#error
    return this.#allowed
  }

  goOn(token: number): void {
    this.#text.tokens.push(token)
    this.#allowed = undefined
    this.settled = this.#ask().then(
      (allowed) => {
        this.#allowed = allowed
      },
      (cause: unknown) => {
        this.#error = SpillwayError.from(cause, 'internal', 'The format could not be followed')
      },
    )
  }
}

const died = (reason: string) =>
  new SpillwayError('input_value_invalid', 'The format ended its worker', {
    expected: 'a format that the grammar engine reads',
    got: reason,
    param: 'format',
  })

const tooSlow = (longestMs: number) =>
  new SpillwayError('input_value_invalid', 'The format takes too long to follow', {
    expected: `at most ${longestMs / 1_000} s`,
    hint: 'Use fewer optional properties, fewer repetitions, and smaller ones.',
    param: 'format',
  })

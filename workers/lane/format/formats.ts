import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { TokenFormat } from '../../protocol/generation.ts'
import { FollowedFormat, type HeldFormat, type LookAhead } from './held-format.ts'
import type {
  FormatCall,
  FormatReply,
  FormatWorker,
  OpenFormat,
  Outlook,
  StartFormatWorker,
} from './messages.ts'

/**
 * Milliseconds that the grammar engine may take to arrive over a slow line and to read the vocabulary, and that a format
 * may take to compile, and then for each token: these can take minutes.
 */
const longest = { start: 60_000, open: 10_000, token: 2_000 }

/** A worker is replaced after so many errors: the grammar engine leaks memory with each. */
const mostFaults = 16

interface HeldText {
  readonly id: number
  readonly format: OpenFormat
  readonly tokens: number[]
  /** The worker that holds it. Another has to be given all of its tokens. */
  worker: FormatWorker | undefined
  /** How many of its tokens the worker has. */
  sent: number
  isClosed: boolean
}

/** One call of the worker at work, or that waits for it. */
interface Pending {
  readonly text: HeldText
  readonly ahead: LookAhead
  /** Milliseconds that it may take. */
  longestMs: number
  resolve(outlook: Outlook): void
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
  /** Whether the worker has its engine and the vocabulary. */
  #isReady = false
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

  /** Keeps the first vocabulary that comes: it comes once, whatever becomes of the text that brought it. */
  keep(vocabulary: string | undefined): void {
    this.#pieces ??= vocabulary
  }

  /**
   * Begins to hold a text, in which `tokens` came already.
   *
   * @throws SpillwayError `input_value_invalid` for a format that cannot be met, or takes too long to prepare; `run_failed`
   * where the grammar engine does not start.
   */
  async hold(
    { format, vocabulary, forbidden = [] }: TokenFormat,
    stopTokens: readonly number[],
    tokens: readonly number[],
  ): Promise<HeldFormat> {
    this.keep(vocabulary)
    const text: HeldText = {
      id: ++this.#lastId,
      format: { format, stopTokens, forbidden },
      tokens: [...tokens],
      worker: undefined,
      sent: 0,
      isClosed: false,
    }
    return new FollowedFormat({
      first: await this.#ask(text, { proposed: [], most: 0 }),
      append: (token) => text.tokens.push(token),
      ask: (ahead) => this.#ask(text, ahead),
      close: () => this.#close(text),
    })
  }

  /** Ends the worker. */
  close(): void {
    this.#end(new SpillwayError('closed', 'The model was unloaded'))
  }

  #close(text: HeldText): void {
    if (text.worker && text.worker === this.#worker) this.#worker.post({ close: text.id })
    text.isClosed = true
  }

  #ask(text: HeldText, ahead: LookAhead): Promise<Outlook> {
    return new Promise((resolve, reject) => {
      this.#send({ text, ahead, longestMs: longest.open, resolve, reject })
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
    const isHeld = text.worker === worker
    pending.longestMs = isHeld ? longest.token : longest.open
    const message: FormatCall = {
      call,
      text: text.id,
      ...(!isHeld && { open: text.format }),
      step: { tokens: text.tokens.slice(isHeld ? text.sent : 0), ...pending.ahead },
    }
    text.worker = worker
    text.sent = text.tokens.length
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
      (reason) => this.#worker === worker && this.#lost(reason),
    )
    this.#worker = worker
    this.#isReady = false
    worker.post({ vocabulary: { pieces: this.#pieces, size: this.#size } })
    return worker
  }

  #receive(message: FormatReply): void {
    this.#isReady = true
    if ('isReady' in message) {
      this.#watch()
      return
    }
    if ('failure' in message) {
      this.#end(SpillwayError.fromWire(message.failure))
      return
    }
    const { reply, outlook, error } = message
    const pending = this.#pending.get(reply)
    this.#pending.delete(reply)
    this.#watch()
    if (outlook) pending?.resolve(outlook)
    else pending?.reject(error ? SpillwayError.fromWire(error) : died('an empty answer'))
    if (error && ++this.#faults >= mostFaults) this.#renew()
  }

  /** The worker ended by itself: by the call at hand, or before it could take one. */
  #lost(reason: string): void {
    if (this.#isReady) this.#replace(died(reason))
    else this.#end(notStarted(reason))
  }

  /** Bounds the call at hand, from when the worker is ready. */
  #watch(): void {
    this.#cancelTimer()
    const [first] = this.#pending.values()
    if (!first) return
    if (!this.#isReady) {
      this.#cancelTimer = this.#clock.after(longest.start, () => this.#end(notStarted('none')))
      return
    }
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

const died = (reason: string) =>
  new SpillwayError('input_value_invalid', 'The format ended its worker', {
    expected: 'a format that the grammar engine reads',
    got: reason,
    param: 'format',
  })

const notStarted = (got: string) =>
  new SpillwayError('run_failed', 'The grammar engine did not start', {
    expected: `an engine that is loaded within ${longest.start / 1_000} s`,
    got,
  })

const tooSlow = (longestMs: number) =>
  new SpillwayError('input_value_invalid', 'The format takes too long to follow', {
    expected: `at most ${longestMs / 1_000} s`,
    hint: 'Use fewer optional properties, fewer repetitions, and smaller ones.',
    param: 'format',
  })

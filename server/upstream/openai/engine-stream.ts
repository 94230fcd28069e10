import type { Clock } from '../../../models/async/clock.ts'
import { withTimeout } from '../../../models/async/timeouts.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { ReplicaCall } from '../call.ts'
import { isFault } from '../errors.ts'
import { bySignal, type UpstreamResponse } from '../exchange.ts'
import { brokenOff } from './engine-error.ts'
import type { EventRelay } from './event-relay.ts'

/** Milliseconds in which an engine closes a stream after `[DONE]`. */
const afterDoneMs = 1_000

interface EngineStreamOptions {
  readonly model: string
  readonly response: UpstreamResponse
  readonly relay: EventRelay
  readonly call: ReplicaCall
  readonly clock: Clock
  /** The longest silence in the middle of a text, in milliseconds: the engine has died, or its connection. */
  readonly silenceMs: number
}

/** An engine's stream, read no faster than its client takes it. */
export class EngineStream {
  /** The events that came first, as they are sent to the client. */
  readonly first: string
  readonly #options: EngineStreamOptions
  readonly #parts: AsyncIterator<Uint8Array>
  #end: (failure?: SpillwayError) => void = () => {}

  private constructor(options: EngineStreamOptions, parts: AsyncIterator<Uint8Array>, first: string) {
    this.#options = options
    this.#parts = parts
    this.first = first
    const ended = new Promise<void>((resolve, reject) => {
      this.#end = (failure) => (failure ? reject(failure) : resolve())
    })
    options.call.keepUntil(ended)
  }

  /**
   * Waits for the first events. Nothing has been sent to the client until then, so another replica may be asked.
   *
   * @throws SpillwayError `server_response_invalid` for an answer that is no stream; the engine's own error;
   * `server_unreachable` where it breaks off.
   */
  static async open(options: EngineStreamOptions): Promise<EngineStream> {
    const { model, response, relay } = options
    const { body, headers } = response
    const type = headers.get('content-type')
    if (!type?.includes('text/event-stream')) throw notAStream(model, type)
    const parts: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]()
    try {
      let first: string | undefined = ''
      while (first === '' && !relay.failure) first = await readEvents(options, parts)
      if (relay.failure) throw relay.failure
      return new EngineStream(options, parts, first)
    } catch (cause) {
      body.destroy()
      throw cause
    }
  }

  /**
   * The next events, as they are sent to the client; undefined at the stream's end.
   *
   * @throws SpillwayError the engine's own error; `server_response_invalid` for an event that is none; `server_draining`
   * where the engine broke off; `aborted`, `deadline_exceeded`.
   */
  async next(): Promise<string | undefined> {
    const { model, relay, clock, silenceMs } = this.#options
    try {
      for (;;) {
        if (relay.failure) throw relay.failure
        if (relay.isDone) return undefined
        const events = await withTimeout(clock, silenceMs, readEvents(this.#options, this.#parts), () =>
          silent(model, silenceMs),
        )
        if (events !== '') return events
      }
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', 'The stream could not be passed on')
      this.#end(error)
      throw isFault(error) ? brokenOff(model, error) : error
    }
  }

  /** Ends the exchange. One that is complete is read to its end, so that its connection serves the next one. */
  close(): void {
    const { clock, relay, response } = this.#options
    const cancel = () => void response.body.destroy()
    if (relay.isDone) {
      const cancelTimer = clock.after(afterDoneMs, cancel)
      readToEnd(this.#parts).finally(() => {
        cancelTimer()
        this.#end()
      })
    } else {
      cancel()
      this.#end()
    }
  }
}

async function readEvents(
  { response, relay, call }: EngineStreamOptions,
  parts: AsyncIterator<Uint8Array>,
): Promise<string> {
  const { value } = await bySignal(response.url, call.signal, () => parts.next())
  call.heard()
  return value ? relay.feed(value) : relay.end()
}

async function readToEnd(parts: AsyncIterator<Uint8Array>): Promise<void> {
  try {
    while (!(await parts.next()).done);
  } catch {
    // The answer is complete all the same.
  }
}

const silent = (model: string, silenceMs: number) =>
  new SpillwayError('server_timeout', `The engine of ${model} is silent in the middle of a text`, {
    expected: `an event within ${silenceMs / 1_000} s`,
    got: 'none',
  })

const notAStream = (model: string, contentType: string | null) =>
  new SpillwayError('server_response_invalid', `The engine of ${model} did not answer with a stream`, {
    expected: 'text/event-stream',
    got: contentType ?? 'no content type',
  })

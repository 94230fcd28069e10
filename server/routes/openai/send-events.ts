import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { Clock } from '../../../models/async/clock.ts'
import { type ErrorCode, SpillwayError } from '../../../models/core/index.ts'
import type { Variables } from '../../http/request-log.ts'
import { clientLeft, endOfFailure, finished, type StreamEnd } from '../../observability/stream-end.ts'
import { openAiError } from './errors.ts'
import { EventBody } from './event-body.ts'

/** Milliseconds of silence after which a comment is sent, so that proxies keep the connection open. */
const keepAliveMs = 10_000

/** Milliseconds to wait for the first event before the status is sent: a failure in this time has its own status. */
const statusDelayMs = 1_000

export interface EventsOptions {
  /** Settles with the first event. */
  readonly first: Promise<unknown>
  readonly clock: Clock
  /** Called once where the answer does not come to its end. */
  readonly onFailure: (code: ErrorCode) => void
  /** Writes a failure as an event. Default: as OpenAI's errors, which the clients of its chats raise. */
  readonly writeFailure?: (error: SpillwayError) => string
  /** Called as soon as the client leaves, and once more in the end. */
  readonly onEnd: () => void
}

/** A stream of server-sent events to a client. */
export interface EventWriter {
  /** Resolves when the client's connection takes more. */
  send(data: string): Promise<void>
  /** The same for events that are written as they are sent. */
  sendRaw(events: string): Promise<void>
  /** Whether the client has left. */
  readonly isAborted: boolean
}

/**
 * Answers with server-sent events, no faster than the client reads. A failure after the first event, or after a second,
 * is the last event.
 *
 * @param write Resolves when it has sent all events.
 */
export async function sendEvents(
  c: Context<{ Variables: Variables }>,
  { first, clock, onFailure, writeFailure = writeError, onEnd }: EventsOptions,
  write: (stream: EventWriter) => Promise<void>,
): Promise<Response> {
  try {
    await settledOrDelay(first, clock)
  } catch (cause) {
    onEnd()
    onFailure(cause instanceof SpillwayError ? cause.code : 'internal')
    throw cause
  }

  let resolveEnd: (end: StreamEnd) => void = () => {}
  c.set(
    'stream',
    new Promise((resolve) => {
      resolveEnd = resolve
    }),
  )
  let end = finished

  const body = new EventBody(onEnd)
  const keepAlive = startKeepAlive(clock, () => void body.write(': still there\n\n'))
  const sendRaw = (events: string) => {
    keepAlive.restart()
    return body.write(events)
  }
  const send = (data: string) => sendRaw(`data: ${data}\n\n`)
  const run = async () => {
    try {
      await write({
        send,
        sendRaw,
        get isAborted() {
          return body.isAborted
        },
      })
      if (body.isAborted) end = clientLeft
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', 'The text broke off')
      end = body.isAborted ? clientLeft : endOfFailure(error)
      // The status has been sent, so the failure is the stream's last event.
      await sendRaw(writeFailure(error))
    } finally {
      if (end.code) onFailure(end.code)
      resolveEnd(end)
      keepAlive.stop()
      onEnd()
      body.close()
    }
  }
  void run()
  joinHeadAndFirstEvent(c)
  return c.body(body.stream, 200, eventHeaders)
}

const eventHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache',
  // The adapter to Node would else wait for more events, to find out the length.
  'transfer-encoding': 'chunked',
  // Proxies that buffer answers would hold all pieces back until the end.
  'x-accel-buffering': 'no',
}

/** Node sends the head by itself as soon as it is known. An event that is there goes with it in one packet. */
function joinHeadAndFirstEvent(c: Context): void {
  const socket = (c.env as Partial<HttpBindings> | undefined)?.incoming?.socket
  socket?.cork()
  setImmediate(() => socket?.uncork())
}

const writeError = (error: SpillwayError) => `data: ${JSON.stringify(openAiError(error))}\n\n`

/** Resolves with the first event or after the delay; rejects with an earlier failure. */
function settledOrDelay(first: Promise<unknown>, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(statusDelayMs, resolve)
    first.then(() => resolve(), reject).finally(cancel)
  })
}

function startKeepAlive(clock: Clock, write: () => void) {
  let cancel: () => void = () => {}
  const restart = () => {
    cancel()
    cancel = clock.after(keepAliveMs, () => {
      write()
      restart()
    })
  }
  restart()
  return { restart, stop: () => cancel() }
}

import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { Variables } from '../../http/request-log.ts'
import { clientLeft, endOfFailure, finished, type StreamEnd } from '../../observability/stream-end.ts'
import type { ApiShape, Part } from './api-shape.ts'
import { type ChoicePart, mergeByArrival, usageOf } from './choices.ts'
import { type Completion, commonFields, recordPart } from './completion.ts'
import { openAiError } from './errors.ts'

/** Milliseconds of silence after which a comment is sent, so that proxies keep the connection open. */
const keepAliveMs = 10_000

/** Milliseconds to wait for the first piece before the status is sent: a failure in this time has its own status. */
const statusDelayMs = 1_000

export interface StreamOptions {
  readonly includeUsage: boolean
  /** Cancels the texts that are left: the answer is complete, or its client has left. */
  readonly cancel: () => void
}

/** Answers with server-sent events, each piece as soon as it is generated and no faster than the client reads. */
export async function sendStream(
  c: Context<{ Variables: Variables }>,
  completion: Completion,
  { includeUsage, cancel }: StreamOptions,
): Promise<Response> {
  const { choices, shape, record, clock } = completion
  const parts = mergeByArrival(choices)
  const first = parts.next()
  try {
    await settledOrDelay(first, clock)
  } catch (cause) {
    cancel()
    record.recordFailure(cause instanceof SpillwayError ? cause.code : 'internal')
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

  const common = {
    ...commonFields(completion),
    object: shape.chunkObject,
    ...(includeUsage ? { usage: null } : {}),
  }
  const response = streamSSE(c, async (stream) => {
    stream.onAbort(cancel)
    const send = async (event: object) => {
      await stream.writeSSE({ data: JSON.stringify(event) })
    }
    const sendPart = ({ choice, topLevel }: Part) => send({ ...common, ...topLevel, choices: [choice] })
    const keepAlive = startKeepAlive(clock, () => void stream.write(': still there\n\n'))
    try {
      for (const choice of choices) {
        const begin = shape.begin(choice)
        if (begin) await sendPart(begin)
      }
      // A client that has left gets nothing more, however much is generated and not yet read.
      for (let part = await first; !part.done && !stream.aborted; part = await parts.next()) {
        keepAlive.restart()
        recordPart(record, part.value)
        await sendPart(toPart(shape, part.value))
      }
      if (includeUsage) {
        const results = await Promise.all(choices.map(({ result }) => result))
        await send({ ...common, choices: [], usage: usageOf(choices, results) })
      }
      if (stream.aborted) end = clientLeft
      await stream.writeSSE({ data: '[DONE]' })
    } catch (cause) {
      const error = SpillwayError.from(cause, 'internal', 'The text broke off')
      end = stream.aborted ? clientLeft : endOfFailure(error)
      // The status has been sent, so the failure is the stream's last event.
      await send(openAiError(error))
    } finally {
      if (end.code) record.recordFailure(end.code)
      resolveEnd(end)
      keepAlive.stop()
      cancel()
      void parts.return(undefined)
    }
  })
  // Whether the connection is kept is Node's to say: it is not while the server shuts down.
  response.headers.delete('connection')
  // Proxies that buffer answers would hold all pieces back until the end.
  response.headers.set('x-accel-buffering', 'no')
  return response
}

/** Resolves with the first piece or after the delay; rejects with an earlier failure. */
function settledOrDelay(first: Promise<unknown>, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(statusDelayMs, resolve)
    first.then(() => resolve(), reject).finally(cancel)
  })
}

const toPart = (shape: ApiShape, part: ChoicePart): Part =>
  'piece' in part ? shape.piece(part.choice, part.piece) : shape.end(part.choice, part.result)

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

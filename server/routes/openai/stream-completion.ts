import type { Context } from 'hono'
import type { ErrorCode } from '../../../models/core/index.ts'
import type { Variables } from '../../http/request-log.ts'
import type { ApiShape, Part } from './api-shape.ts'
import { type ChoicePart, mergeByArrival, usageOf } from './choices.ts'
import { type Completion, commonFields, recordPart } from './completion.ts'
import { sendEvents } from './send-events.ts'

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
  const common = {
    ...commonFields(completion),
    object: shape.chunkObject,
    ...(includeUsage ? { usage: null } : {}),
  }
  const options = {
    first,
    clock,
    onFailure: (code: ErrorCode) => record.recordFailure(code),
    onEnd: () => {
      cancel()
      void parts.return(undefined)
    },
  }
  return sendEvents(c, options, async (stream) => {
    const send = (event: object) => stream.send(JSON.stringify(event))
    const sendPart = ({ choice, topLevel }: Part) => send({ ...common, ...topLevel, choices: [choice] })
    for (const choice of choices) {
      const begin = shape.begin(choice)
      if (begin) await sendPart(begin)
    }
    // A client that has left gets nothing more, however much is generated and not yet read.
    for (let part = await first; !part.done && !stream.isAborted; part = await parts.next()) {
      recordPart(record, part.value)
      await sendPart(toPart(shape, part.value))
    }
    if (includeUsage) {
      const results = await Promise.all(choices.map(({ result }) => result))
      await send({ ...common, choices: [], usage: usageOf(choices, results) })
    }
    await stream.send('[DONE]')
  })
}

const toPart = (shape: ApiShape, part: ChoicePart): Part =>
  'piece' in part ? shape.piece(part.choice, part.piece) : shape.end(part.choice, part.result)

import { randomUUID } from 'node:crypto'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Clock } from '../../../models/async/clock.ts'
import { SpillwayError } from '../../../models/core/index.ts'
import type { TextGenerator } from '../../../workers/host/text/types.ts'
import type { GeneratedToken } from '../../../workers/protocol/generation.ts'
import type { Measure } from '../../metrics.ts'
import type { ApiShape, Part } from './api-shape.ts'
import { type Choice, type ChoicePart, mergeByArrival, usageOf } from './choices.ts'
import { openAiError } from './errors.ts'

/** What a completion is answered from. */
export interface Completion {
  readonly model: string
  readonly generator: TextGenerator
  readonly choices: readonly Choice[]
  readonly shape: ApiShape
  readonly measure: Measure
  readonly clock: Clock
}

/** Fields that the answer and each of its events have in common. */
const headOf = ({ model, generator: { executedOn }, shape }: Completion) => ({
  id: `${shape.idPrefix}-${randomUUID()}`,
  created: Math.floor(Date.now() / 1000),
  model,
  system_fingerprint: `${executedOn.variant}/${executedOn.backend}`,
})

export async function answerWhole(c: Context, completion: Completion): Promise<Response> {
  const { choices, shape, measure } = completion
  const tokens = new Map<Choice, GeneratedToken[]>(choices.map((choice) => [choice, []]))
  for await (const part of mergeByArrival(choices)) {
    if ('piece' in part) {
      measure.came(part.choice.index, part.piece.tokens.length)
      tokens.get(part.choice)?.push(...part.piece.tokens)
    } else measure.ended(part.result)
  }
  const results = await Promise.all(choices.map(({ result }) => result))
  const parts: Part[] = []
  for (const [at, choice] of choices.entries()) {
    const result = results[at]
    if (result) parts.push(shape.whole(choice, result, tokens.get(choice) ?? []))
  }
  return c.json({
    ...headOf(completion),
    object: shape.object,
    ...parts[0]?.beside,
    choices: parts.map(({ choice }) => choice),
    usage: usageOf(choices, results),
  })
}

/** Silence after which a comment keeps the connection's proxies from closing it, in milliseconds. */
const keepAliveMs = 10_000

/** For so long an answer waits for what it will be: a failure before has a status of its own. */
const decideMs = 1_000

export interface StreamOptions {
  readonly includeUsage: boolean
  /** Ends what is left of the choices: the answer is over, or its client has gone. */
  readonly leave: () => void
}

export async function answerStream(
  c: Context,
  completion: Completion,
  { includeUsage, leave }: StreamOptions,
): Promise<Response> {
  const { choices, shape, measure, clock } = completion
  const parts = mergeByArrival(choices)
  const first = parts.next()
  try {
    await firstOr(first, clock)
  } catch (cause) {
    leave()
    throw cause
  }

  const head = { ...headOf(completion), object: shape.chunkObject, ...(includeUsage ? { usage: null } : {}) }
  const response = streamSSE(c, async (stream) => {
    stream.onAbort(leave)
    const send = async (event: object) => {
      await stream.writeSSE({ data: JSON.stringify(event) })
    }
    const sendPart = ({ choice, beside }: Part) => send({ ...head, ...beside, choices: [choice] })
    const keepAlive = startKeepAlive(clock, () => void stream.write(': still there\n\n'))
    try {
      for (const choice of choices) {
        const begin = shape.begin(choice)
        if (begin) await sendPart(begin)
      }
      // What was made and not read yet may be long: nobody is there to write it to.
      for (let part = await first; !part.done && !stream.aborted; part = await parts.next()) {
        keepAlive.again()
        note(measure, part.value)
        await sendPart(partOf(shape, part.value))
      }
      if (includeUsage) {
        const results = await Promise.all(choices.map(({ result }) => result))
        await send({ ...head, choices: [], usage: usageOf(choices, results) })
      }
      await stream.writeSSE({ data: '[DONE]' })
    } catch (cause) {
      // The status was told; what went wrong stands in the stream's last event.
      await send(openAiError(SpillwayError.from(cause, 'internal', 'The text broke off')))
    } finally {
      keepAlive.stop()
      leave()
      void parts.return(undefined)
    }
  })
  // Proxies that gather an answer before they pass it on would make one piece of it.
  response.headers.set('x-accel-buffering', 'no')
  return response
}

/** Its failure is thrown; silence is not waited for. */
function firstOr(first: Promise<unknown>, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(decideMs, resolve)
    first.then(() => resolve(), reject).finally(cancel)
  })
}

const partOf = (shape: ApiShape, part: ChoicePart): Part =>
  'piece' in part ? shape.piece(part.choice, part.piece) : shape.end(part.choice, part.result)

function note(measure: Measure, part: ChoicePart): void {
  if ('piece' in part) measure.came(part.choice.index, part.piece.tokens.length)
  else measure.ended(part.result)
}

function startKeepAlive(clock: Clock, write: () => void) {
  let cancel: () => void = () => {}
  const again = () => {
    cancel()
    cancel = clock.after(keepAliveMs, () => {
      write()
      again()
    })
  }
  again()
  return { again, stop: () => cancel() }
}

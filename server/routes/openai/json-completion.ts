import type { Context } from 'hono'
import { SpillwayError } from '../../../models/core/index.ts'
import type { GeneratedToken } from '../../../workers/protocol/generation.ts'
import type { TextRecord } from '../../observability/text-record.ts'
import type { Part } from './api-shape.ts'
import { type Choice, mergeByArrival, usageOf } from './choices.ts'
import { type Completion, commonFields, recordPart } from './completion.ts'

/** The results of all texts, and their tokens. */
export async function collect(choices: readonly Choice[], record: TextRecord) {
  const tokens = new Map<Choice, GeneratedToken[]>(choices.map((choice) => [choice, []]))
  try {
    for await (const part of mergeByArrival(choices)) {
      recordPart(record, part)
      if ('piece' in part) tokens.get(part.choice)?.push(...part.piece.tokens)
    }
  } catch (cause) {
    record.recordFailure(cause instanceof SpillwayError ? cause.code : 'internal')
    throw cause
  }
  return { tokens, results: await Promise.all(choices.map(({ result }) => result)) }
}

/** Answers once all texts have ended, in one JSON body. */
export async function sendJson(c: Context, completion: Completion): Promise<Response> {
  const { choices, shape, record } = completion
  const { tokens, results } = await collect(choices, record)
  const parts: Part[] = []
  for (const [at, choice] of choices.entries()) {
    const result = results[at]
    if (result) parts.push(shape.complete(choice, result, tokens.get(choice) ?? []))
  }
  return c.json({
    ...commonFields(completion),
    object: shape.object,
    ...parts[0]?.topLevel,
    choices: parts.map(({ choice }) => choice),
    usage: usageOf(choices, results),
  })
}

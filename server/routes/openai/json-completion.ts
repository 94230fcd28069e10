import type { Context } from 'hono'
import { SpillwayError } from '../../../models/core/index.ts'
import { completeAnswer } from '../../../workers/host/text/openai/answers.ts'
import { type Choice, collectTexts } from '../../../workers/host/text/openai/choices.ts'
import type { TextRecord } from '../../observability/text-record.ts'
import { type Completion, recordPart } from './completion.ts'

/** The results of all texts, and their tokens, which are counted. */
export async function collect(choices: readonly Choice[], record: TextRecord) {
  try {
    return await collectTexts(choices, (part) => recordPart(record, part))
  } catch (cause) {
    record.recordFailure(cause instanceof SpillwayError ? cause.code : 'internal')
    throw cause
  }
}

/** Answers once all texts have ended, in one JSON body. */
export async function sendJson(c: Context, completion: Completion): Promise<Response> {
  const { tokens, results } = await collect(completion.choices, completion.record)
  return c.json(completeAnswer(completion, results, tokens))
}

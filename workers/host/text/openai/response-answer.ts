import type { ResponseRequest } from '../../../../models/protocols/openai-responses.ts'
import { randomId } from '../random-id.ts'
import type { GenerateResult } from '../types.ts'
import { droppedField } from './api-shape.ts'
import { type Choice, usageOf } from './choices.ts'
import { ResponseItems } from './response-items.ts'

/** A response while it is written: what is the same in all of its events. */
export interface ResponseAnswer {
  readonly id: string
  readonly createdAt: number
  readonly request: ResponseRequest
}

export const beginResponse = (request: ResponseRequest): ResponseAnswer => ({
  id: `resp_${randomId()}`,
  createdAt: seconds(),
  request,
})

const seconds = () => Math.floor(Date.now() / 1000)

type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed'

/** A text that met the most tokens that it may have is incomplete. */
export const statusOf = ({ finish }: GenerateResult) => (finish === 'length' ? 'incomplete' : 'completed')

/** The response as it is in an event, and as an answer that is no stream. */
export function responseObject(answer: ResponseAnswer, status: Status, more: object = {}): object {
  const { id, createdAt, request } = answer
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status,
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    metadata: request.metadata ?? {},
    model: request.model,
    output: [],
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    service_tier: 'default',
    store: false,
    temperature: request.temperature ?? null,
    text: { format: request.text?.format ?? { type: 'text' } },
    tool_choice: request.tool_choice ?? 'auto',
    tools: request.tools ?? [],
    top_p: request.top_p ?? null,
    truncation: request.truncation ?? 'disabled',
    usage: null,
    ...more,
  }
}

/** The response once its text has ended. @param output Its items. */
export function endedResponse(
  answer: ResponseAnswer,
  choice: Choice,
  result: GenerateResult,
  output: readonly object[],
): object {
  const status = statusOf(result)
  return responseObject(answer, status, {
    output,
    ...droppedField(choice.droppedMessages),
    usage: usage(choice, result),
    ...(status === 'completed'
      ? { completed_at: seconds() }
      : { incomplete_details: { reason: 'max_output_tokens' } }),
  })
}

/** The response in one piece, once its one text has ended. */
export function wholeResponse(
  answer: ResponseAnswer,
  [choice]: readonly Choice[],
  [result]: readonly GenerateResult[],
): object {
  if (!choice || !result) throw new Error('A response has no text')
  const items = new ResponseItems()
  items.add(result)
  items.end(statusOf(result))
  return endedResponse(answer, choice, result, items.output)
}

function usage(choice: Choice, result: GenerateResult) {
  const { prompt_tokens, completion_tokens, total_tokens, ...details } = usageOf([choice], [result])
  return {
    input_tokens: prompt_tokens,
    input_tokens_details: { ...details.prompt_tokens_details, cache_write_tokens: 0 },
    output_tokens: completion_tokens,
    output_tokens_details: details.completion_tokens_details,
    total_tokens,
  }
}

import type { ResponseRequest } from '../../../models/protocols/openai-responses.ts'
import { randomId } from '../../../workers/host/text/openai/answers.ts'
import { type Choice, usageOf } from '../../../workers/host/text/openai/choices.ts'
import type { GenerateResult } from '../../../workers/host/text/types.ts'

/** A response while it is written: what is the same in all of its events. */
export interface ResponseAnswer {
  readonly id: string
  readonly itemId: string
  readonly createdAt: number
  readonly request: ResponseRequest
}

const newId = (prefix: string) => `${prefix}_${randomId()}`

export const beginResponse = (request: ResponseRequest): ResponseAnswer => ({
  id: newId('resp'),
  itemId: newId('msg'),
  createdAt: seconds(),
  request,
})

const seconds = () => Math.floor(Date.now() / 1000)

type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed'

/** The part of the one message that has its text. */
export const textPart = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })

/** The one message of a response. Without a text it has just begun. */
export const messageItem = (
  { itemId }: ResponseAnswer,
  status: Exclude<Status, 'failed'>,
  text?: string,
) => ({
  id: itemId,
  type: 'message',
  role: 'assistant',
  status,
  content: text === undefined ? [] : [textPart(text)],
})

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
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: false,
    temperature: request.temperature ?? null,
    text: { format: request.text?.format ?? { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: request.top_p ?? null,
    truncation: 'disabled',
    usage: null,
    ...more,
  }
}

/** The response once its text has ended. */
export function endedResponse(answer: ResponseAnswer, choice: Choice, result: GenerateResult): object {
  const status = statusOf(result)
  return responseObject(answer, status, {
    output: [messageItem(answer, status, result.text)],
    usage: usage(choice, result),
    ...(status === 'completed'
      ? { completed_at: seconds() }
      : { incomplete_details: { reason: 'max_output_tokens' } }),
  })
}

function usage(choice: Choice, result: GenerateResult) {
  const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = usageOf(
    [choice],
    [result],
  )
  return {
    input_tokens: prompt_tokens,
    input_tokens_details: prompt_tokens_details,
    output_tokens: completion_tokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens,
  }
}

/**
 * The OpenAI API's responses, as far as a server without storage and tools of its own has them.
 * Source: https://platform.openai.com/docs/api-reference/responses.
 */
import * as z from 'zod/mini'
import { toolRequest } from './openai.ts'
import { ending, forms, nullish, positive, responseFormat, sampling, truncation } from './openai-fields.ts'

/** Part of an item's content, or of a tool's output. Its type is checked when the item is read. */
const responsePart = z.object({ type: z.string(), text: nullish(z.string()) })
const responseContent = nullish(z.union([z.string(), z.array(responsePart)]))

/** One item of a response's input: a message, which need not say that it is one, or what a tool was asked and answered. */
export const responseItem = z.object({
  type: nullish(z.string()),
  role: nullish(z.string()),
  content: responseContent,
  call_id: nullish(z.string()),
  name: nullish(z.string()),
  arguments: nullish(z.string()),
  output: responseContent,
})
/** See `responseItem`. */
export type WireResponseItem = z.infer<typeof responseItem>

const shortText = z.string().check(z.maxLength(512))

/** The body of `POST /v1/responses`. */
export const responseRequest = z.object({
  model: z.string(),
  input: z.union([z.string(), z.array(responseItem).check(z.minLength(1))]),
  instructions: nullish(z.string()),
  max_output_tokens: nullish(positive),
  reasoning: nullish(z.object({ effort: nullish(z.string()) })),
  metadata: nullish(
    z
      .record(z.string().check(z.maxLength(64)), shortText)
      .check(z.refine((pairs) => Object.keys(pairs).length <= 16, 'at most 16 pairs')),
  ),
  stream: nullish(z.boolean()),
  /** vLLM: as of chats. */
  priority: nullish(z.int()),
  /** The form of the answer. */
  text: nullish(z.looseObject({ format: nullish(responseFormat) })),
  truncation,
  ...toolRequest,
  ...ending,
  ...sampling,
  ...forms,
})
/** See `responseRequest`. */
export type ResponseRequest = z.infer<typeof responseRequest>

/** Schemas of those answers that this server writes and nobody here reads, for the OpenAPI document. */
import * as z from 'zod/mini'
import { manifestSchema } from '../../models/core/manifest-schema.ts'
import { referenceSchema } from '../../models/core/references.ts'
import { usage } from '../../models/protocols/openai.ts'

const nullish = <T extends z.core.SomeType>(schema: T) => z.optional(z.nullable(schema))

export const oipError = z.object({ error: z.string() })

export const serverMetadata = z.object({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
})

const tensorMetadata = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) })

export const modelMetadata = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorMetadata),
  outputs: z.array(tensorMetadata),
})

export const live = z.object({ live: z.literal(true) })
export const ready = z.object({ ready: z.literal(true), not_ready: z.optional(z.array(z.string())) })
export const modelReady = z.object({ name: z.string(), ready: z.literal(true) })

export const openAiModel = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
})
export const openAiModels = z.object({ object: z.literal('list'), data: z.array(openAiModel) })

const text = {
  id: z.string(),
  created: z.int(),
  model: z.string(),
  system_fingerprint: nullish(z.string()),
  usage,
}
const choice = { index: z.int(), finish_reason: z.nullable(z.string()), logprobs: z.nullable(z.unknown()) }

/** Of chats and responses with `truncation: "auto"`: messages that were left out. */
const droppedMessages = z.optional(z.int().check(z.positive()))

export const completion = z.object({
  ...text,
  object: z.literal('text_completion'),
  choices: z.array(z.object({ ...choice, text: z.string() })),
})

export const chatCompletion = z.object({
  ...text,
  object: z.literal('chat.completion'),
  dropped_messages: droppedMessages,
  choices: z.array(
    z.object({ ...choice, message: z.object({ role: z.literal('assistant'), content: z.string() }) }),
  ),
})

export const response = z.object({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.int(),
  status: z.enum(['completed', 'incomplete']),
  model: z.string(),
  dropped_messages: droppedMessages,
  output: z.array(
    z.object({
      id: z.string(),
      type: z.literal('message'),
      role: z.literal('assistant'),
      content: z.array(z.object({ type: z.literal('output_text'), text: z.string() })),
    }),
  ),
  usage: z.object({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int() }),
})

export const embeddings = z.object({
  object: z.literal('list'),
  model: z.string(),
  data: z.array(
    z.object({
      object: z.literal('embedding'),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.string()]),
    }),
  ),
  usage,
})

export const catalogue = z.object({ models: z.array(manifestSchema), hub: z.array(referenceSchema) })
export { manifestSchema as manifest }

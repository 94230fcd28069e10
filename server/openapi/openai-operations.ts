import type { Catalogue } from '../inference/catalogue.ts'
import { nameOfThose } from './model-parameters.ts'
import { type Body, type Example, json, type Operation, requestTimeoutParameter } from './operation.ts'
import { type JsonSchema, type SchemaName, schemaReference } from './schemas.ts'

const openAi = { errors: 'OpenAi', allowed: 'callers', tag: 'Text' } as const
const openAiRun = { ...openAi, parameters: [requestTimeoutParameter] } as const

/** A schema whose `model` is one of those that can answer. */
const withModel = (name: SchemaName, model: JsonSchema, example: object): Body => {
  const [id] = model.enum ?? model.examples ?? []
  const examples: Record<string, Example> = {
    [String(id ?? 'MODEL')]: { value: { model: id ?? 'MODEL', ...example } },
  }
  return {
    'application/json': {
      schema: { allOf: [schemaReference(name), { type: 'object', properties: { model } }] },
      examples,
    },
  }
}

const stream = (chunk: SchemaName) => ({
  'text/event-stream': {
    schema: {
      type: 'string' as const,
      description: `With \`stream: true\`: events of \`data:\` with a ${chunk} each, then \`data: [DONE]\`. A failure is the last event, with an \`error\`.`,
    },
  },
})

/** The OpenAI API. */
export function openAiOperations(catalogue: Catalogue): Operation[] {
  const writers = nameOfThose(catalogue, ({ manifest }) => manifest.generation !== undefined)
  const embedders = nameOfThose(catalogue, ({ manifest }) => manifest.embedding !== undefined)
  const both = nameOfThose(
    catalogue,
    ({ manifest: { generation, embedding } }) => (generation ?? embedding) !== undefined,
  )
  return [
    { ...openAi, route: 'get /v1/models', summary: 'The models for text', answer: json('OpenAiModels') },
    {
      ...openAi,
      route: 'get /v1/models/{id}',
      summary: 'One model',
      parameters: [{ name: 'id', in: 'path', required: true, schema: both }],
      answer: json('OpenAiModel'),
    },
    {
      ...openAiRun,
      route: 'post /v1/chat/completions',
      summary: 'Answers a chat',
      description:
        'Fields that would change the answer and are not supported, such as `audio`, are 400. `truncation: "auto"` leaves out the oldest turns of a chat that is too long; `dropped_messages` counts them.',
      body: withModel('ChatRequest', writers, {
        messages: [{ role: 'user', content: 'Hello' }],
        max_tokens: 32,
      }),
      answer: { ...json('ChatCompletion'), ...stream('ChatChunk') },
    },
    {
      ...openAiRun,
      route: 'post /v1/completions',
      summary: 'Continues a text',
      body: withModel('CompletionRequest', writers, { prompt: 'Once', max_tokens: 32 }),
      answer: { ...json('Completion'), ...stream('CompletionChunk') },
    },
    {
      ...openAiRun,
      route: 'post /v1/responses',
      summary: 'Answers a text or a chat, and keeps nothing',
      description:
        'What needs storage or pictures is 400. `truncation: "auto"` leaves out the oldest turns of an input that is too long; `dropped_messages` counts them.',
      body: withModel('ResponseRequest', writers, { input: 'Hello', max_output_tokens: 32 }),
      answer: {
        ...json('Response'),
        'text/event-stream': {
          schema: {
            type: 'string',
            description: "With `stream: true`: the API's own events, each with its `type`.",
          },
        },
      },
    },
    {
      ...openAiRun,
      route: 'post /v1/embeddings',
      summary: 'Vectors of texts',
      body: withModel('EmbeddingRequest', embedders, { input: ['Hello'] }),
      answer: json('Embeddings'),
    },
  ]
}

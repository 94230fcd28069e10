import * as z from 'zod/mini'
import { errorStatus } from '../../models/core/index.ts'
import { tokenAnswer, tokenRequest } from '../../models/protocols/auth.ts'
import { modelConfiguration } from '../../models/protocols/oip-model-config.ts'
import {
  repositoryIndex,
  repositoryIndexRequest,
  repositoryRequest,
} from '../../models/protocols/oip-repository.ts'
import { inferRequest, inferResponse } from '../../models/protocols/oip-schemas.ts'
import { statistics } from '../../models/protocols/oip-statistics.ts'
import {
  chatChunk,
  chatRequest,
  completionChunk,
  completionRequest,
  embeddingRequest,
  errorBody,
} from '../../models/protocols/openai.ts'
import { responseRequest } from '../../models/protocols/openai-responses.ts'
import { telemetryReport } from '../../models/protocols/telemetry.ts'
import * as answers from './answers.ts'

/** The schemas that check requests and answers, under their names in the document. */
const zodSchemas = {
  OipError: answers.oipError,
  ServerMetadata: answers.serverMetadata,
  Live: answers.live,
  Ready: answers.ready,
  ModelMetadata: answers.modelMetadata,
  ModelReady: answers.modelReady,
  InferRequest: inferRequest,
  InferResponse: inferResponse,
  Statistics: statistics,
  ModelConfiguration: modelConfiguration,
  RepositoryIndexRequest: repositoryIndexRequest,
  RepositoryIndex: repositoryIndex,
  RepositoryRequest: repositoryRequest,
  OpenAiError: errorBody,
  OpenAiModel: answers.openAiModel,
  OpenAiModels: answers.openAiModels,
  ChatRequest: chatRequest,
  ChatCompletion: answers.chatCompletion,
  ChatChunk: chatChunk,
  CompletionRequest: completionRequest,
  Completion: answers.completion,
  CompletionChunk: completionChunk,
  ResponseRequest: responseRequest,
  Response: answers.response,
  EmbeddingRequest: embeddingRequest,
  Embeddings: answers.embeddings,
  TokenRequest: tokenRequest,
  TokenAnswer: tokenAnswer,
  TelemetryReport: telemetryReport,
  Manifest: answers.manifest,
  Catalogue: answers.catalogue,
} satisfies Record<string, z.core.$ZodType>

export type SchemaName = keyof typeof zodSchemas

export type JsonSchema = z.core.JSONSchema.BaseSchema

const text: JsonSchema = { type: 'string' }
const tokens: JsonSchema = { type: 'array', items: { type: 'integer', minimum: 0 } }
const texts: JsonSchema[] = [text, { type: 'array', items: text }, tokens, { type: 'array', items: tokens }]

/** Of what is checked by plain loops, by the name of its member: a schema cannot tell. */
const byMember: Readonly<Record<string, JsonSchema>> = {
  data: {
    type: 'array',
    items: {},
    description: 'The elements, flat or nested like the shape: numbers, booleans, or strings for BYTES.',
  },
  prompt: { anyOf: texts },
  input: { anyOf: texts },
  code: { type: 'string', enum: Object.keys(errorStatus) },
}

export const schemaReference = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` })

/** All schemas as JSON schemas. Members that are not listed are allowed, as the server reads them. */
export function jsonSchemas(): Record<SchemaName, JsonSchema> {
  const made: Record<string, JsonSchema> = {}
  for (const [name, schema] of Object.entries(zodSchemas)) {
    const { $schema: _, ...jsonSchema } = z.toJSONSchema(schema, {
      io: 'input',
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema, path }) => {
        if (zodSchema._zod.def.type !== 'custom') return
        Object.assign(jsonSchema, byMember[String(path.at(-1))])
      },
    })
    made[name] = jsonSchema
  }
  return made as Record<SchemaName, JsonSchema>
}

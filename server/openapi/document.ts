import type { RouterRoute } from 'hono/types'
import { errorStatus } from '../../models/core/index.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import type { Catalogue } from '../inference/catalogue.ts'
import { oipOperations } from './oip-operations.ts'
import { openAiOperations } from './openai-operations.ts'
import { describeOperation, type Operation, pathOfRoute } from './operation.ts'
import { otherOperations } from './other-operations.ts'
import { jsonSchemas, type SchemaName, schemaReference } from './schemas.ts'

export interface OpenApiOptions {
  readonly catalogue: Catalogue
  readonly version: string
  /** Whether callers need a key. */
  readonly hasKeys: boolean
  /** The routes of the app: only what it has is described. */
  readonly routes: readonly RouterRoute[]
  /** The folder of the built site, which has the guides and the page of the API; undefined where there is none. */
  readonly site: string | undefined
}

/** Paths that the app serves by a route with a parameter. */
const aliases: Readonly<Record<string, string>> = {
  'get /v2/models/stats': 'get /v2/models/{name}',
  'get /models/catalogue.json': 'get /models/{path}',
  'get /models/{id}/manifest.json': 'get /models/{path}',
}

const headers = {
  [errorCodeHeader]: {
    description: "The error's code.",
    schema: { type: 'string', enum: Object.keys(errorStatus) },
  },
  'retry-after': { description: 'Seconds until another try makes sense.', schema: { type: 'integer' } },
}

const errorIn = (name: SchemaName, description: string) => ({
  description,
  headers,
  content: { 'application/json': { schema: schemaReference(name) } },
})

/** The OpenAPI document of the server: its routes, the schemas that check their bodies, and its models. */
export function openApiDocument({ catalogue, version, hasKeys, routes, site }: OpenApiOptions): object {
  const served = new Set(routes.map(({ method, path }) => `${method.toLowerCase()} ${pathOfRoute(path)}`))
  const operations: Operation[] = [
    ...oipOperations(catalogue),
    ...openAiOperations(catalogue),
    ...otherOperations(catalogue),
  ].filter(({ route }) => served.has(aliases[route] ?? route))
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    const [method = '', path = ''] = operation.route.split(' ')
    paths[path] = { ...paths[path], [method]: describeOperation(operation, hasKeys) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Spillway',
      version,
      description:
        'Models over the Open Inference Protocol (`/v2`), with extensions of Triton, and over the OpenAI API (`/v1`).',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to this document: a proxy may serve it below a path.
    servers: [{ url: '.' }],
    ...(site !== undefined && {
      externalDocs: { description: 'Every error code, and what to do', url: 'docs/errors.html' },
    }),
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: jsonSchemas(),
      responses: {
        OipError: errorIn('OipError', 'An error in the form of the Open Inference Protocol'),
        OpenAiError: errorIn('OpenAiError', "An error in the form of OpenAI's API"),
      },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: "A key for servers, or a page's token." },
        adminKey: { type: 'http', scheme: 'bearer', description: 'A key of kind "admin".' },
      },
    },
  }
}

import type { JsonSchema, SchemaName } from './schemas.ts'
import { schemaReference } from './schemas.ts'

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly description?: string
  readonly schema: JsonSchema
}

export interface Example {
  readonly summary?: string
  readonly value: unknown
}

interface Content {
  readonly schema: JsonSchema
  readonly examples?: Readonly<Record<string, Example>>
}

/** Of requests that run a model. */
export const requestTimeoutParameter: Parameter = {
  name: 'Request-Timeout',
  in: 'header',
  description:
    "Seconds until the answer is of no use, fractions included. The least of it, the body's `timeout` and the longest of the server holds.",
  schema: { type: 'number', exclusiveMinimum: 0 },
}

/** A body by its media types. */
export type Body = Readonly<Record<string, Content>>

/** Who may send a request: everybody, callers with a key or token, or administrators. */
export type Allowed = 'everybody' | 'callers' | 'administrators'

/** The protocol in whose form an operation answers its errors. */
type ErrorForm = 'Oip' | 'OpenAi'

/** A route and method, as the document describes it. */
export interface Operation {
  /** As in OpenAPI: `get /v2/models/{name}`. */
  readonly route: `${'get' | 'post'} /${string}`
  readonly tag: string
  readonly summary: string
  readonly description?: string
  readonly allowed: Allowed
  readonly parameters?: readonly Parameter[]
  readonly body?: Body
  readonly isBodyOptional?: boolean
  /** The answer that is no error, with its status. */
  readonly status?: number
  readonly answer?: Body
  readonly errors: ErrorForm
}

export const json = (name: SchemaName, examples?: Readonly<Record<string, Example>>): Body => ({
  'application/json': { schema: schemaReference(name), ...(examples && { examples }) },
})

/** Where a path differs from its route: Hono writes `:name`, and `:path{.+}` for any number of parts. */
export const pathOfRoute = (route: string): string => route.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')

/** @param hasKeys Whether callers need a key. */
export function describeOperation(operation: Operation, hasKeys: boolean) {
  const {
    route,
    tag,
    summary,
    description,
    allowed,
    parameters,
    body,
    status = 200,
    answer,
    errors,
  } = operation
  const security =
    allowed === 'everybody' || !hasKeys ? [] : [{ [allowed === 'callers' ? 'key' : 'adminKey']: [] }]
  return {
    operationId: operationIdOf(route),
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    security,
    ...(parameters && { parameters }),
    ...(body && { requestBody: { required: operation.isBodyOptional !== true, content: body } }),
    responses: {
      [status]: { description: summary, ...(answer && { content: answer }) },
      default: { $ref: `#/components/responses/${errors}Error` },
    },
  }
}

/** `get /v2/models/{name}/ready` is `getV2ModelsNameReady`. */
const operationIdOf = (route: string) =>
  route.replace(/[^a-z\d]+([a-z\d])?/gi, (_, next: string | undefined) => next?.toUpperCase() ?? '')

import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modelFile } from '../../models/core/index.ts'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { pathOfRoute } from '../../server/openapi/operation.ts'
import { bearer, testKey } from '../support/keys-file.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'
import { digitsManifest, emptyFolder } from '../support/test-models.ts'
import { writeEmbedder } from '../support/write-model.ts'

interface Body {
  readonly content?: Readonly<
    Record<string, { schema: object; examples?: Record<string, { value: unknown }> }>
  >
}

interface OpenApi {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string
            readonly security: readonly object[]
            readonly parameters?: readonly {
              readonly name: string
              readonly schema: { readonly enum?: string[] }
            }[]
            readonly requestBody?: Body
            readonly responses: Readonly<Record<string, Body>>
          }
        >
      >
    >
  >
  readonly components: { readonly responses: Readonly<Record<string, Body>> }
}

const origin = 'https://shop.example'
const operator = testKey('operator', { kind: 'admin' })
const shop = testKey('shop', { origins: [origin] })

let app: TestApp
let document: OpenApi
const ajv = new Ajv2020({ strict: false })
beforeAll(async () => {
  const folder = await emptyFolder()
  await writeEmbedder(folder, 'encoder', { words: 300, width: 8, heads: 2, layers: 1, context: 64 })
  const keys = new Keys([operator.entry, shop.entry])
  const tokens = new Tokens({ secret: undefined, seconds: 600 })
  app = await startTestApp({ access: createAccess(keys, tokens), models: [folder] })
  document = await (await app.request('/openapi.json')).json()
  ajv.addSchema(document, 'openapi')
})
afterAll(() => app.close())

const operationOf = (method: string, path: string) =>
  document.paths[path]?.[method] ?? expect.fail(`the document has no ${method} ${path}`)

/** Fails where a value is not of the schema, whose references are to the document. */
function check(schema: object, value: unknown): void {
  const resolved = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/'))
  const validate = ajv.compile(resolved)
  expect(validate(value) ? [] : validate.errors, JSON.stringify(value).slice(0, 300)).toEqual([])
}

describe('the document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone({ ...document }))
    expect(result.errors).toBeUndefined()
    expect(result.valid).toBe(true)
  })

  test('has every route of the server, and none that it does not have', async () => {
    const routes = app.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/v2/')
      .map(({ method, path }) => `${method.toLowerCase()} ${pathOfRoute(path)}`)
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    )
    // Served by routes whose last part is a parameter.
    const aliases = ['get /v2/models/stats', 'get /models/catalogue.json', 'get /models/{id}/manifest.json']
    expect(described.sort()).toEqual([...new Set([...routes, ...aliases])].sort())
  })

  test('names each operation once', () => {
    const ids = Object.values(document.paths).flatMap((operations) =>
      Object.values(operations).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toContain('getV2ModelsNameVersionsVersionReady')
  })

  test('names the models that are offered now, and has requests of them that can be sent', async () => {
    const { parameters, requestBody } = operationOf('post', '/v2/models/{name}/infer')
    expect(parameters?.map(({ name }) => name)).toContain('Request-Timeout')
    expect(parameters?.[0]?.schema.enum).toEqual(expect.arrayContaining(['digits', 'encoder']))
    const { schema, examples = {} } = requestBody?.content?.['application/json'] ?? expect.fail('no body')
    const { value } = examples.digits ?? expect.fail('no example of digits')
    check(schema, value)
    const response = await app.request('/v2/models/digits/infer', {
      method: 'POST',
      headers: bearer(operator.key),
      body: JSON.stringify(value),
    })
    expect(response.status).toBe(200)
  })

  test('says who needs which key', async () => {
    expect(operationOf('get', '/v2/health/live').security).toEqual([])
    expect(operationOf('get', '/v2/models/{name}').security).toEqual([{ key: [] }])
    expect(operationOf('post', '/v2/repository/models/{name}/load').security).toEqual([{ adminKey: [] }])
    const open = await startTestApp({})
    const { paths }: OpenApi = await (await open.request('/openapi.json')).json()
    expect(paths['/v2/models/{name}']?.get?.security).toEqual([])
    expect(paths['/auth/token']).toBeUndefined()
    open.close()
  })

  test('is revalidated by its hash', async () => {
    const first = await app.request('/openapi.json')
    const again = await app.request('/openapi.json', {
      headers: { 'if-none-match': first.headers.get('etag') ?? '' },
    })
    expect(again.status).toBe(304)
  })
})

const image = { name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0) }
const infer = { inputs: [image] }
const report = { version: 1, device: 'gpu', onDevice: [], onServer: [], failed: [] }
const file = digitsManifest.variants[0]?.files[0] ?? expect.fail('digits has no file')

type Asked = readonly [method: string, path: string, url: string, body?: unknown]

/** A request of each operation: the path in the document, the path that is asked, and the body. */
const requests: readonly Asked[] = [
  ['get', '/v2', '/v2'],
  ['get', '/v2/health/live', '/v2/health/live'],
  ['get', '/v2/health/ready', '/v2/health/ready'],
  ['get', '/v2/models/stats', '/v2/models/stats'],
  ...(['', '/ready', '/config', '/stats'] as const).flatMap((path) => [
    ['get', `/v2/models/{name}${path}`, `/v2/models/bard${path}`] as const,
    ['get', `/v2/models/{name}/versions/{version}${path}`, `/v2/models/digits/versions/1${path}`] as const,
  ]),
  ['post', '/v2/models/{name}/infer', '/v2/models/digits/infer', infer],
  ['post', '/v2/models/{name}/versions/{version}/infer', '/v2/models/digits/versions/1/infer', infer],
  ['post', '/v2/repository/index', '/v2/repository/index', {}],
  ['post', '/v2/repository/models/{name}/unload', '/v2/repository/models/transactions/unload', {}],
  ['post', '/v2/repository/models/{name}/load', '/v2/repository/models/transactions/load', {}],
  ['get', '/v1/models', '/v1/models'],
  ['get', '/v1/models/{id}', '/v1/models/bard'],
  [
    'post',
    '/v1/chat/completions',
    '/v1/chat/completions',
    { model: 'bard', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 2, logprobs: true },
  ],
  [
    'post',
    '/v1/completions',
    '/v1/completions',
    { model: 'bard', prompt: 'Once', max_tokens: 2, logprobs: 1 },
  ],
  ['post', '/v1/responses', '/v1/responses', { model: 'bard', input: 'Once', max_output_tokens: 2 }],
  ['post', '/v1/embeddings', '/v1/embeddings', { model: 'encoder', input: 'Hello' }],
  ['post', '/auth/token', '/auth/token', { key: shop.key }],
  ['post', '/telemetry', '/telemetry', report],
  ['get', '/metrics', '/metrics'],
  ['get', '/models/catalogue.json', '/models/catalogue.json'],
  ['get', '/models/{id}/manifest.json', '/models/digits/manifest.json'],
  ['get', '/models/{path}', `/models/digits/${modelFile(file)}`],
  ['get', '/openapi.json', '/openapi.json'],
  ['get', '/openapi', '/openapi'],
]

test('every operation is asked here', () => {
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  )
  expect(requests.map(([method, path]) => `${method} ${path}`).sort()).toEqual(described.sort())
})

const asked = requests.map(([method, path, url, body]) => ({ method, path, url, body }))
describe.each(asked)('$method $path', ({ method, path, url, body }) => {
  const send = (headers: Record<string, string>) =>
    app.request(url, {
      method: method.toUpperCase(),
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })

  test('takes a body of its schema, and answers as described', async () => {
    const { requestBody, responses } = operationOf(method, path)
    const json = requestBody?.content?.['application/json']
    if (json) check(json.schema, body)
    const response = await send({ ...bearer(operator.key), ...(path === '/auth/token' && { origin }) })
    const described =
      responses[response.status] ?? expect.fail(`${response.status}: ${await response.text()}`)
    const type = response.headers.get('content-type')?.split(';')[0]
    const text = await response.text()
    if (!described.content) return expect(text).toBe('')
    const content = described.content[type ?? ''] ?? expect.fail(`${type} is not described`)
    if (type === 'application/json') check(content.schema, JSON.parse(text))
  })

  test('is refused in the form that is described, where it needs a key', async () => {
    const { security } = operationOf(method, path)
    if (security.length === 0) return
    const response = await send({})
    const form = path.startsWith('/v1') ? 'OpenAiError' : 'OipError'
    expect(operationOf(method, path).responses.default).toEqual({ $ref: `#/components/responses/${form}` })
    const { schema } = document.components.responses[form]?.content?.['application/json'] ?? expect.fail(form)
    check(schema, await response.json())
    expect(response.status).toBe(401)
  })
})

test('events of streams are as described', async () => {
  for (const [path, schema, body] of [
    ['chat/completions', 'ChatChunk', { messages: [{ role: 'user', content: 'Hello' }] }],
    ['completions', 'CompletionChunk', { prompt: 'Once' }],
  ] as const) {
    const response = await app.request(`/v1/${path}`, {
      method: 'POST',
      headers: bearer(operator.key),
      body: JSON.stringify({ model: 'bard', max_tokens: 2, stream: true, ...body }),
    })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const events = [...(await response.text()).matchAll(/^data: (\{.*\})$/gm)]
    expect(events.length).toBeGreaterThan(1)
    for (const [, event = ''] of events) check({ $ref: `#/components/schemas/${schema}` }, JSON.parse(event))
  }
})

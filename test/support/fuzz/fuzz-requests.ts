/** Requests that are almost valid, for every route. */
import { deflateSync, gzipSync } from 'node:zlib'
import fc, { type Arbitrary } from 'fast-check'
import { almost, broken, type Json } from './mutate-json.ts'
import { validBodies } from './valid-bodies.ts'

export interface FuzzRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** A route as the app lists it. */
export interface Route {
  readonly method: string
  readonly path: string
}

const models = ['digits', 'digits', 'transactions', 'cities', 'two-outputs', 'bard']
const strangeNames = [
  '__proto__',
  'constructor',
  '%00',
  '%2e%2e',
  '..%2f..',
  '%ff',
  '%F0%9F%98%80',
  '%',
  'a'.repeat(3_000),
  '*',
  ';',
  '1',
  '-1',
]
const strangeParts = [
  '//',
  '/./',
  '/../',
  '%',
  '%2f',
  '%00',
  '%c0%ae',
  ';',
  '\\',
  '?a=b',
  '?__proto__[a]=1',
  '?%',
  '?x=%ff',
  '#',
  '?key=sk_x&key=2',
]

/** One in so many has it; null else. */
const rarely = <T>(oneIn: number, arbitrary: Arbitrary<T>): Arbitrary<T | null> =>
  fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })

const strangeVersions = ['2', '0', '-1', '1e9', '%31', 'latest', '__proto__']
const file = fc.constantFrom(
  'digits/manifest.json',
  'digits/card.md',
  'digits/q8/model.onnx',
  'bard',
  '..%2f..%2fpackage.json',
  '%00',
  'digits/../../package.json',
)

/** The path with its parameters filled in, and now and then something in it that does not belong there. */
const pathOf = (route: string, model: string): Arbitrary<string> =>
  fc
    .record({
      name: rarely(8, fc.constantFrom(...models, ...strangeNames)),
      version: rarely(6, fc.constantFrom(...strangeVersions)),
      file,
      part: rarely(10, fc.constantFrom(...strangeParts)),
      at: fc.nat(),
    })
    .map(({ name, version, file, part, at }) => {
      const path = route
        .replace(/:\w+\{\.\+\}|\*$/, () => file)
        .replace(':version', () => version ?? '1')
        .replace(/:\w+/, () => name ?? model)
      const index = part === null ? 0 : 1 + (at % path.length)
      return path.slice(0, index) + (part ?? '') + path.slice(index)
    })

/** A body and the headers that it needs. */
type Written = Pick<FuzzRequest, 'headers' | 'body'>

const json = (text: string): Written => ({
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(text),
})

/** A JSON part, right or not, followed by bytes that may be its tensors. */
function binary(base: Json): Arbitrary<Written> {
  const inputs = typeof base === 'object' && base !== null && !Array.isArray(base) ? base.inputs : undefined
  const [first] = Array.isArray(inputs) ? inputs : []
  if (typeof first !== 'object' || first === null || Array.isArray(first)) return almost(base).map(json)
  const { data, ...head } = first
  const elements =
    Array.isArray(data) && data.every((one) => typeof one === 'number')
      ? Buffer.from(Float32Array.from(data).buffer)
      : Buffer.from('\u0004\0\0\0Rome\u0007\0\0\0Zürich')
  const head1: Json = {
    inputs: [{ ...head, parameters: { binary_data_size: elements.length } }],
    parameters: { binary_data_output: true },
  }
  return fc
    .record({
      text: fc.oneof(fc.constant(JSON.stringify(head1)), almost(head1)),
      tensors: fc.oneof(
        { weight: 3, arbitrary: fc.constant(elements) },
        {
          weight: 1,
          arbitrary: fc.nat({ max: elements.length }).map((length) => elements.subarray(0, length)),
        },
        {
          weight: 1,
          arbitrary: fc.uint8Array({ maxLength: 64 }).map((more) => Buffer.concat([elements, more])),
        },
        { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4_000 }).map((bytes) => Buffer.from(bytes)) },
      ),
      length: rarely(
        4,
        fc.constantFrom('0', '-1', '1', '1e3', '0x10', '999999999999', '9'.repeat(40), '1, 2', 'NaN', ''),
      ),
    })
    .map(({ text, tensors, length }) => {
      const part = Buffer.from(text)
      return {
        headers: {
          'content-type': 'application/octet-stream',
          'inference-header-content-length': length ?? String(part.length),
        },
        body: Buffer.concat([part, tensors]),
      }
    })
}

const jsonHeaders = { 'content-type': 'application/json' }

/** Bytes for a route that takes a body. */
const writtenFor = (path: string, base: Json): Arbitrary<Written> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(json(JSON.stringify(base))) },
    { weight: 10, arbitrary: almost(base).map(json) },
    { weight: 3, arbitrary: broken(base).map((body) => ({ headers: jsonHeaders, body })) },
    { weight: path.endsWith('/infer') ? 6 : 0, arbitrary: binary(base) },
  )

const values = [
  '',
  ' ',
  '0',
  '-1',
  '1e9',
  'NaN',
  '*',
  '*/*',
  'null',
  'a'.repeat(4_000),
  '\u00ff',
  '__proto__',
  'gzip, gzip',
  'br',
  'identity',
  'text/plain; charset=utf-16',
  'application/json; charset=x',
  'multipart/form-data',
  '"a"',
  'bytes=0-',
  'bytes=5-1,-3',
  'bytes=-99999999999999999999',
  'https://shop.example',
  'null',
  '00-00000000000000000000000000000000-0000000000000000-00',
  '5m',
  '10',
  '99999999999',
]
const headerNames = [
  'content-type',
  'content-encoding',
  'accept',
  'accept-encoding',
  'range',
  'if-range',
  'if-none-match',
  'if-modified-since',
  'origin',
  'authorization',
  'api-key',
  'x-api-key',
  'x-request-id',
  'traceparent',
  'tracestate',
  'request-timeout',
  'x-forwarded-for',
  'host',
  'expect',
  'access-control-request-method',
  'access-control-request-headers',
  'cookie',
  'content-length-x',
  'prefer',
  'inference-header-content-length',
  'x-http-method-override',
  '__proto__',
  'constructor',
]
const strangeHeaders = fc.dictionary(fc.constantFrom(...headerNames), fc.constantFrom(...values), {
  maxKeys: 3,
  noNullPrototype: true,
})

const encoded: Arbitrary<(written: Written) => Written> = fc.oneof(
  { weight: 12, arbitrary: fc.constant((written: Written) => written) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(['gzip', gzipSync] as const, ['deflate', deflateSync] as const)
      .map(([encoding, encode]) => ({ headers, body }: Written) => ({
        headers: { ...headers, 'content-encoding': encoding },
        body: encode(body),
      })),
  },
)

const otherMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']

/** @param routes Of the app. @param credentials Headers with which a request may come in. */
export function fuzzRequests(
  routes: readonly Route[],
  credentials: Readonly<Record<string, string>>,
): Arbitrary<FuzzRequest> {
  const weighted = routes.map((route) => ({
    weight: route.method !== 'POST' ? 1 : route.path.endsWith('/infer') ? 24 : 12,
    arbitrary: fc.constantFrom(...validBodies(route.path)).chain(({ model, body }) =>
      fc.record({
        method: rarely(20, fc.constantFrom(...otherMethods)).map((other) => other ?? route.method),
        path: pathOf(route.path, model),
        written:
          route.method === 'POST'
            ? writtenFor(route.path, body)
            : fc.constant({ headers: {}, body: Buffer.alloc(0) }),
      }),
    ),
  }))
  return fc
    .record({
      request: fc.oneof(...weighted),
      encode: encoded,
      more: rarely(4, strangeHeaders),
      isKnown: rarely(20, fc.constant(false)).map((no) => no ?? true),
    })
    .map(({ request: { method, path, written }, encode, more, isKnown }) => {
      const { headers, body } = encode(written)
      return { method, path, headers: { ...headers, ...(isKnown && credentials), ...more }, body }
    })
}

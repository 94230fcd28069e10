/** JSON texts that are almost a valid body: members changed, taken out, added, and texts that are no JSON. */
import fc, { type Arbitrary } from 'fast-check'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** Stands for text that `JSON.stringify` would not write. */
const literal = (text: string) => `\u0001${text}\u0001`

const literals = [
  '1e999',
  '-1e999',
  '-0',
  '0.1e-400',
  '123456789012345678901234567890',
  '9223372036854775808',
  'NaN',
  '01',
  '+1',
]

const strange: Json[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1,
    0.5,
    2 ** 31,
    2 ** 32,
    2 ** 53,
    1e308,
    5e-324,
    '',
    ' ',
    '0',
    'NaN',
    'null',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '\u0000',
    '\ud800',
    '\udfff\ud83d',
    '😀'.repeat(20),
    '\u202e\ufeff',
    'é'.normalize('NFD'),
  ],
  ...[
    'a'.repeat(5_000),
    '%s%n{{7*7}}',
    '../../etc/passwd',
    'digits',
    'bard',
    'FP16',
    'BYTES',
    'INT64',
    'BOOL',
  ],
  [],
  {},
  [[]],
  [null],
  [[1], [1, 2]],
  Object.fromEntries([['__proto__', { polluted: 1 }]]),
  { constructor: { prototype: { polluted: 1 } } },
  ...literals.map(literal),
]

/** Levels of a list in a list, by number. */
const nested = (levels: number): Json => {
  let value: Json = 1
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

const strangeValue: Arbitrary<Json> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...strange) },
  { weight: 1, arbitrary: fc.integer({ min: 2, max: 500 }).map(nested) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) as Arbitrary<Json> },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.array(fc.integer({ min: -2, max: 70_000 }), { maxLength: 30 }) },
)

interface Change {
  /** Which of the value's parts, counted from the first. */
  readonly at: number
  readonly kind: 'replace' | 'remove' | 'add' | 'wrap'
  readonly name: string
  readonly value: Json
}

/** Members that the protocols have, and others, to be added to objects. */
const names = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    '',
    '\u0000',
    'id',
    'parameters',
    'outputs',
    'inputs',
    'data',
    'raw_input_contents',
  ],
  ...[
    'timeout',
    'priority',
    'binary_data',
    'binary_data_size',
    'binary_data_output',
    'sequence_id',
    'classification',
    'shared_memory_region',
  ],
  ...[
    'n',
    'stream',
    'stream_options',
    'stop',
    'seed',
    'logprobs',
    'top_logprobs',
    'logit_bias',
    'temperature',
    'top_p',
    'max_tokens',
  ],
  ...[
    'max_completion_tokens',
    'tools',
    'tool_choice',
    'response_format',
    'user',
    'dimensions',
    'encoding_format',
    'echo',
    'suffix',
  ],
  ...[
    'best_of',
    'presence_penalty',
    'ignore_eos',
    'return_token_ids',
    'metadata',
    'instructions',
    'previous_response_id',
    'store',
  ],
]

const change: Arbitrary<Change> = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'add', 'wrap'),
  name: fc.constantFrom(...names),
  value: strangeValue,
})

interface Place {
  readonly within: Json[] | { [name: string]: Json }
  readonly key: string | number
}

/** The places of a value's parts, with the first elements of lists and some levels only. */
function placesIn(within: Json, levels = 8): Place[] {
  if (levels === 0 || typeof within !== 'object' || within === null) return []
  const keys = Array.isArray(within) ? [...within.slice(0, 4).keys()] : Object.keys(within)
  return keys.flatMap((key) => [{ within, key }, ...placesIn(Reflect.get(within, key), levels - 1)])
}

/** Sets a member of any name: `__proto__` is one, too. */
const setMember = (of: object, name: string | number, value: Json) =>
  Object.defineProperty(of, name, { value, enumerable: true, writable: true, configurable: true })

/** The root is a member of `holder`, so that it can be changed as all else. */
function applyTo(holder: { root: Json }, { at, kind, name, value }: Change): void {
  const places = placesIn(holder)
  const { within, key } = places[at % places.length] ?? { within: holder, key: 'root' }
  const part: Json = Reflect.get(within, key)
  if (kind === 'remove' && within !== holder) Reflect.deleteProperty(within, key)
  else if (kind === 'wrap') setMember(within, key, [part])
  else if (kind === 'add' && Array.isArray(part)) part.push(structuredClone(part[0] ?? value))
  else if (kind === 'add' && typeof part === 'object' && part !== null) setMember(part, name, value)
  else setMember(within, key, value)
}

const writeJson = (value: Json) => JSON.stringify(value).replace(/"\\u0001(.*?)\\u0001"/g, '$1')

/** The JSON of a value after one to three changes. */
export const almost = (base: Json): Arbitrary<string> =>
  fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const holder = { root: structuredClone(base) }
    for (const one of changes) applyTo(holder, structuredClone(one))
    return writeJson(holder.root)
  })

/** Texts that are hardly JSON, or no JSON at all. */
export const broken = (base: Json): Arbitrary<Buffer> => {
  const text = Buffer.from(writeJson(base))
  const at = fc.nat({ max: text.length })
  const cut = (from: number, to: number, between: Uint8Array) =>
    Buffer.concat([text.subarray(0, from), between, text.subarray(to)])
  return fc.oneof(
    at.map((end) => text.subarray(0, end)),
    fc
      .tuple(at, fc.uint8Array({ minLength: 1, maxLength: 4 }))
      .map(([from, bytes]) => cut(from, from, bytes)),
    fc.tuple(at, fc.nat({ max: 8 })).map(([from, length]) => cut(from, from + length, Buffer.alloc(0))),
    fc
      .constantFrom('\ufeff', '[', '{"a":', '\u0000', '/**/', '{"id":"x",')
      .map((start) => Buffer.concat([Buffer.from(start), text])),
    fc
      .constantFrom('}', ']', ',', '\u0000', '{}', '//')
      .map((end) => Buffer.concat([text, Buffer.from(end)])),
    fc.constantFrom(Buffer.from(text.toString(), 'utf16le'), text.subarray(1, -1)),
    fc
      .tuple(fc.constantFrom('[', '{"a":'), fc.integer({ min: 1, max: 20_000 }))
      .map(([start, levels]) => Buffer.from(start.repeat(levels))),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((json) => Buffer.from(json)),
  )
}

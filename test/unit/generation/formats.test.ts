import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Ajv from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../../models/async/clock.ts'
import { checkTextFormat } from '../../../models/core/check-format.ts'
import type { Sampling } from '../../../models/core/sampling.ts'
import type { JsonSchema, TextFormat } from '../../../models/core/text-format.ts'
import { readTokenizer } from '../../../workers/host/text/tokenizer/tokenizer.ts'
import { vocabularyOf } from '../../../workers/host/text/tokenizer/vocabulary.ts'
import type { Tokenizer } from '../../../workers/host/text/types.ts'
import { FormatEngine } from '../../../workers/lane/format/format-engine.ts'
import { loadXgrammar } from '../../../workers/lane/format/load-xgrammar.ts'
import { isSet } from '../../../workers/lane/format/token-mask.ts'
import { createSampler } from '../../../workers/lane/sampling/sampler.ts'
import { tokenizerFiles } from '../../support/byte-fallback-tokenizer.ts'
import { seeded } from '../../support/seeded.ts'
import { testModels, withoutTestModels } from '../../support/test-models.ts'

const library = loadXgrammar(() => import('@mlc-ai/web-xgrammar'))

const bard = () => ({
  files: tokenizerFiles({ 'tokenizer.json': readFileSync('models/catalogue/bard/tokenizer.json', 'utf8') }),
  size: 3_072,
})
const smollm = () => ({
  files: tokenizerFiles({
    'tokenizer.json': readFileSync(join(testModels ?? '', 'tokenizers/smollm/tokenizer.json'), 'utf8'),
  }),
  size: 49_152,
})

const greedy: Sampling = { temperature: 0 }
const sampled = (seed: number): Sampling => ({ temperature: 1, topP: 0.98, seed })

/** The schemas are those that programs send: of objects with strings, numbers, lists, alternatives and references. */
const schemas: Readonly<Record<string, JsonSchema>> = {
  person: {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 12 },
      age: { type: 'integer', minimum: 0, maximum: 150 },
      tags: { type: 'array', items: { enum: ['red', 'green', 7, null] }, minItems: 1, maxItems: 3 },
    },
    required: ['name', 'age', 'tags'],
    additionalProperties: false,
  },
  optional: {
    type: 'object',
    properties: { a: { type: 'boolean' }, b: { type: ['number', 'null'] }, c: { const: 'x"\\y' } },
    additionalProperties: true,
  },
  union: {
    oneOf: [
      {
        type: 'object',
        properties: { kind: { const: 'a' }, id: { type: 'string', format: 'uuid' } },
        required: ['kind', 'id'],
      },
      {
        type: 'object',
        properties: { kind: { const: 'b' }, at: { type: 'string', format: 'date' } },
        required: ['kind', 'at'],
      },
    ],
  },
  tree: {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: {
          value: { type: 'string', pattern: '^.[^a-y]\\s?[ -~]{2}$' },
          children: { type: 'array', items: { $ref: '#/$defs/node' }, maxItems: 1 },
        },
        required: ['value', 'children'],
      },
    },
  },
  pair: {
    type: 'array',
    prefixItems: [{ type: 'boolean' }, { type: 'string', minLength: 2, maxLength: 4 }],
    items: false,
    minItems: 2,
  },
}

describe.each([
  ['bard', bard, undefined],
  ['smollm', smollm, withoutTestModels],
] as const)('texts of random logits with the tokens of %s', (_name, source, absent) => {
  if (absent !== undefined) return test.skip(`every format: ${absent}`, () => {})
  let engine: FormatEngine
  let tokenizer: Tokenizer
  let size = 0
  let lastText = 0
  beforeAll(async () => {
    const model = source()
    size = model.size
    tokenizer = readTokenizer(model.files, [0])
    const pieces = await vocabularyOf(tokenizer, size)
    engine = await FormatEngine.create(await library, { pieces, size }, systemClock)
  })

  const write = async (format: TextFormat, sampling: Sampling, maxTokens = 120) => {
    checkTextFormat(format)
    const text = ++lastText
    const random = seeded(sampling.seed ?? 1)
    const sampler = createSampler(sampling, [], 0)
    const tokens: number[] = []
    await engine.open(text, { format, stopTokens: [0], forbidden: [] })
    let { allowed, path } = await engine.next(text, { tokens: [], proposed: [], most: 8 })
    let finish = 'length'
    while (tokens.length < maxTokens) {
      const values = Float32Array.from({ length: size }, () => 4 * random())
      const { token } = sampler.next({ values }, tokens.length, allowed.mask)
      if (token === 0) {
        finish = 'stop'
        break
      }
      tokens.push(token)
      const before = path
      ;({ allowed, path } = await engine.next(text, { tokens: [token], proposed: [], most: 8 }))
      // What was foreseen after this token is what may come now.
      if (before[0]?.token === token) expect(allowed).toEqual(before[0].allowed)
    }
    engine.close(text)
    return { text: tokenizer.decode(tokens), tokens, finish }
  }

  // A vocabulary of 49,152 takes its time.
  const tried = Object.entries(schemas).filter(([name]) => name === 'person' || source === bard)

  test.each(tried)('fit the schema %s', async (_schema, schema) => {
    const fits = new Ajv({ strict: false, validateFormats: false }).compile(schema)
    for (const sampling of source === bard ? [greedy, sampled(2), sampled(3)] : [sampled(2)]) {
      const { text, finish } = await write({ type: 'json_schema', schema }, sampling)
      // Bytes that are no UTF-8 become replacement characters, which count otherwise. Trained models write none.
      if (finish === 'length' || text.includes('\ufffd')) continue
      expect(fits(JSON.parse(text)), text).toBe(true)
    }
  })

  test.skipIf(source !== bard)(
    'are objects, match the regular expression and the grammar, and are one of the choices',
    async () => {
      const object = await write({ type: 'json_object' }, sampled(4))
      expect(object.text).toMatch(/^\{/)
      const number = await write({ type: 'regex', regex: '\\+[0-9]{2}-[0-9]{3}' }, sampled(5))
      expect(number.text).toMatch(/^\+[0-9]{2}-[0-9]{3}$/)
      const sum = await write({ type: 'grammar', grammar: 'root ::= n "+" n\nn ::= [0-9] [0-9]' }, greedy)
      expect(sum.text).toMatch(/^\d\d\+\d\d$/)
      const choice = ['yes', 'no', 'a "quoted" \\ line\n']
      expect(choice).toContain((await write({ type: 'choice', choice }, sampled(6))).text)
    },
  )

  test('go on from any of their tokens', async () => {
    const format: TextFormat = { type: 'json_schema', schema: schemas.person ?? true }
    const { tokens } = await write(format, sampled(7))
    for (const at of [1, 5, tokens.length - 1]) {
      await engine.open(1_000, { format, stopTokens: [0], forbidden: [] })
      const moved = { tokens: tokens.slice(0, at), proposed: tokens.slice(at), most: 4 }
      const { allowed, path, isForced } = await engine.next(1_000, moved)
      expect(isSet(allowed.mask, tokens[at] ?? 0), `token ${at}`).toBe(true)
      // The token before the end leads to nothing that could be chosen.
      const ahead = tokens.slice(at, at + 4)
      if (!isForced) expect(path.map(({ token }) => token)).toEqual(ahead.slice(0, path.length))
      else expect(at).toBe(tokens.length - 1)
    }
    engine.close(1_000)
  })
})

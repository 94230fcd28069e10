import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseManifest, SpillwayError } from '../../models/core/index.ts'
import { type About, describeModel, type Folder, parseSource } from '../../models/hub/index.ts'

const about: About = {
  id: 'owner--name',
  version: 'a'.repeat(40),
  title: 'name',
  description: '',
  license: 'mit',
  from: 'hf:owner/name',
}

/** A folder with the given files. */
const folderOf = (files: Readonly<Record<string, string>>): Folder => ({
  sizes: new Map(Object.entries(files).map(([path, content]) => [path, content.length])),
  read: async (path) => new TextEncoder().encode(files[path]),
  spec: async (path) => ({ path, size: Math.max(1, files[path]?.length ?? 0), sha256: '0'.repeat(64) }),
})

const architectures = [
  'BertModel',
  'LlamaForCausalLM',
  'GPT2LMHeadModel',
  'ViTForImageClassification',
  'BertForTokenClassification',
  'BertForQuestionAnswering',
  'Strange',
]
const fields = [
  ...['vocab_size', 'hidden_size', 'num_hidden_layers', 'num_attention_heads', 'num_key_value_heads'],
  ...['head_dim', 'max_position_embeddings', 'pad_token_id', 'eos_token_id', 'id2label', 'image_size'],
  ...['layer_types', 'model_type', 'num_channels', 'transformers.js_config', 'type_vocab_size'],
]

const value = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 4096 }) },
  fc.constantFrom(0, -1, 1.5, 1e300, null, true, 'x', '', '__proto__'),
  fc.array(fc.integer(), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('0', '1', '7', 'q4f16', 'height'), fc.constantFrom('a', 'float16', 3)),
)

const config = fc
  .record({
    architecture: fc.constantFrom(...architectures),
    rest: fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 8 }),
  })
  .map(({ architecture, rest }) => JSON.stringify({ ...rest, architectures: [architecture] }))

const part = fc.constantFrom(
  'onnx',
  'model',
  'model_q4',
  'model_quantized',
  '..',
  '.git',
  'a b',
  'q8-wasm',
  'é',
)
const path = fc
  .record({
    parts: fc.array(part, { minLength: 1, maxLength: 4 }),
    end: fc.constantFrom('.onnx', '.onnx_data', '.onnx_data_1', '.onnx.data', '.json', ''),
  })
  .map(({ parts, end }) => parts.join('/') + end)

const files = fc
  .record({
    config: fc.oneof({ weight: 5, arbitrary: config }, fc.constantFrom('', '{', '[]', 'null', '"x"')),
    paths: fc.array(path, { maxLength: 4 }),
    whole: fc.constantFrom('onnx/model.onnx', 'onnx/model_q4f16.onnx', 'README.md'),
    tokenizer: fc.boolean(),
  })
  .map(({ config, paths, whole, tokenizer }) => ({
    'config.json': config,
    [whole]: 'x',
    ...Object.fromEntries(paths.map((path) => [path, 'x'])),
    ...(tokenizer ? { 'tokenizer.json': '{}', 'tokenizer_config.json': '{"model_max_length":1e30}' } : {}),
  }))

describe('Any repository', () => {
  test('gets a valid manifest, or is refused with a SpillwayError', async () => {
    let described = 0
    await fc.assert(
      fc.asyncProperty(files, async (made) => {
        const manifest = await describeModel(folderOf(made), about).catch((cause: unknown) => {
          if (!(cause instanceof SpillwayError)) throw cause
          return undefined
        })
        if (!manifest) return
        described++
        expect(parseManifest(manifest, 'a test')).toEqual(manifest)
      }),
      { numRuns: 2_000 },
    )
    expect(described).toBeGreaterThan(50)
  })

  test('has a name that is parsed, or refused with a SpillwayError', () => {
    const endpoint = new URL('https://huggingface.co/')
    const text = fc.oneof(
      fc.string(),
      fc.string().map((rest) => `hf:${rest}`),
      fc.tuple(part, part, fc.string()).map(([owner, name, rest]) => `hf:${owner}/${name}@${rest}`),
      fc.webUrl(),
      fc.string().map((rest) => `https://huggingface.co/${rest}`),
    )
    fc.assert(
      fc.property(text, (source) => {
        try {
          const name = parseSource(source, endpoint)
          if (name.kind === 'hub')
            expect(`${name.reference.repo}/${name.reference.revision}`).not.toContain('..')
        } catch (cause) {
          if (!(cause instanceof SpillwayError)) throw cause
        }
      }),
      { numRuns: 5_000 },
    )
  })
})

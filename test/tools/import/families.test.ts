import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Manifest } from '../../../models/core/index.ts'
import { readModel } from '../../../models/tools/onnx/read.ts'
import { ortRuntime } from '../../../models/tools/run-model/ort.ts'
import type { Tensors } from '../../../models/tools/run-model/runtime.ts'
import { emptyFolder } from '../../support/test-models.ts'
import { spillway, spillwayJson } from '../support/command.ts'
import { decoderFeeds } from '../support/decoder.ts'
import { type Matrix, type ReferenceConfig, referenceLogits } from '../support/llama-reference.ts'
import { pagedLogits } from '../support/paged-on-cpu.ts'
import { randomWeights, type Sizes, type StoredType, writeSafetensors } from '../support/safetensors.ts'

const small = { width: 64, layers: 2, heads: 4, kvHeads: 2, headSize: 16, hidden: 80, vocabulary: 96 }
const tokens = [1, 17, 95, 4, 4, 61, 30, 8, 77, 12, 0, 43]

const plain = (theta: number, headSize: number) =>
  Array.from({ length: headSize / 2 }, (_, pair) => theta ** ((-2 * pair) / headSize))

interface Family {
  readonly sizes: Sizes
  readonly config: Readonly<Record<string, unknown>>
  readonly reference: Pick<ReferenceConfig, 'frequencies' | 'sliding_window' | 'attentionFactor'>
  readonly type?: StoredType
  readonly shards?: number
}

const families: Record<string, Family> = {
  'Llama with scaled positions': {
    sizes: { ...small, tied: true },
    config: {
      model_type: 'llama',
      tie_word_embeddings: true,
      rope_theta: 500_000,
      rope_scaling: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 256,
      },
    },
    reference: {
      // As Llama 3.1's paper has it: short waves stay, long ones are stretched, and between a smooth step.
      frequencies: plain(500_000, 16).map((frequency) => {
        const wave = (2 * Math.PI) / frequency
        if (wave < 256 / 4) return frequency
        if (wave > 256) return frequency / 8
        const smooth = (256 / wave - 1) / (4 - 1)
        return ((1 - smooth) * frequency) / 8 + smooth * frequency
      }),
    },
  },
  'Llama with biases and linear positions, of halves': {
    sizes: { ...small, attentionBias: ['q', 'k', 'v', 'o'], mlpBias: true },
    config: {
      model_type: 'llama',
      attention_bias: true,
      mlp_bias: true,
      rope_scaling: { type: 'linear', factor: 4 },
    },
    reference: { frequencies: plain(10_000, 16).map((frequency) => frequency / 4) },
    type: 'F16',
  },
  SmolLM: {
    sizes: { ...small, width: 48, heads: 3, kvHeads: 1, tied: true },
    config: { model_type: 'llama', tie_word_embeddings: true, rope_theta: 100_000 },
    reference: { frequencies: plain(100_000, 16) },
    type: 'BF16',
  },
  'Mistral with a window, and heads that have to be filled up': {
    sizes: { ...small, headSize: 24 },
    config: { model_type: 'mistral', head_dim: 24, sliding_window: 5, rope_parameters: { rope_theta: 1e6 } },
    reference: { frequencies: plain(1e6, 24), sliding_window: 5 },
  },
  'Qwen2 in three files': {
    sizes: { ...small, attentionBias: ['q', 'k', 'v'] },
    config: { model_type: 'qwen2', sliding_window: 4, use_sliding_window: false },
    reference: { frequencies: plain(10_000, 16) },
    type: 'BF16',
    shards: 3,
  },
  'Qwen3 with stretched positions': {
    sizes: { ...small, headSize: 32, headNorms: true, tied: true },
    config: {
      model_type: 'qwen3',
      head_dim: 32,
      tie_word_embeddings: true,
      rope_theta: 1e6,
      rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 128 },
    },
    reference: {
      frequencies: plain(1e6, 32).map((frequency, pair) => {
        const at = (turns: number) => (32 * Math.log(128 / (turns * 2 * Math.PI))) / (2 * Math.log(1e6))
        const [low, high] = [Math.max(Math.floor(at(32)), 0), Math.min(Math.ceil(at(1)), 31)]
        const stretched = Math.min(1, Math.max(0, (pair - low) / (high - low)))
        return frequency * (1 - stretched) + (frequency / 4) * stretched
      }),
      attentionFactor: 0.1 * Math.log(4) + 1,
    },
  },
}

/** A folder as the hub has it. */
async function checkpoint({ sizes, config, type = 'F32', shards = 1 }: Family, weights: Map<string, Matrix>) {
  const folder = await emptyFolder()
  const write = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value))
  write('config.json', {
    hidden_size: sizes.width,
    intermediate_size: sizes.hidden,
    num_hidden_layers: sizes.layers,
    num_attention_heads: sizes.heads,
    num_key_value_heads: sizes.kvHeads,
    vocab_size: sizes.vocabulary,
    max_position_embeddings: 512,
    rms_norm_eps: 1e-6,
    hidden_act: 'silu',
    eos_token_id: [2, 3],
    ...config,
  })
  write('tokenizer.json', { version: '1.0' })
  write('generation_config.json', { do_sample: true, temperature: 0.6, top_p: 0.9, eos_token_id: 2 })
  if (shards === 1) writeSafetensors(join(folder, 'model.safetensors'), weights, type)
  else {
    const file = (index: number) => `model-${index % shards}.safetensors`
    for (let shard = 0; shard < shards; shard++) {
      const own = [...weights].filter((_, index) => index % shards === shard)
      writeSafetensors(join(folder, file(shard)), new Map(own), type)
    }
    const weight_map = Object.fromEntries([...weights.keys()].map((name, index) => [name, file(index)]))
    write('model.safetensors.index.json', { graphMetadata: {}, weight_map })
  }
  return folder
}

/** The logits of a prompt in one run, or of its last tokens one at a time after what is before them. */
async function logitsOf(path: string, singly: number): Promise<number[][]> {
  const model = readModel(path)
  const session = await ortRuntime.load(path, { backend: 'cpu', threads: 1 })
  const rows: number[][] = []
  const keep = (outputs: Tensors) => {
    const { logits } = outputs
    const data = Array.from(logits?.data as Float32Array)
    const width = logits?.shape.at(-1) ?? 1
    for (let at = 0; at < data.length; at += width) rows.push(data.slice(at, at + width))
    return outputs
  }
  const first = tokens.length - singly
  let outputs = keep(await session.run(decoderFeeds(model, tokens.slice(0, first))))
  for (let at = first; at < tokens.length; at++) {
    const pasts = Object.entries(outputs).flatMap(([name, tensor]) =>
      name.startsWith('present.') ? [[name.replace('present', 'past_key_values'), tensor] as const] : [],
    )
    outputs = keep(
      await session.run({
        input_ids: { type: 'int64', data: BigInt64Array.of(BigInt(tokens[at] ?? 0)), shape: [1, 1] },
        attention_mask: { type: 'int64', data: new BigInt64Array(at + 1).fill(1n), shape: [1, at + 1] },
        ...Object.fromEntries(pasts),
      }),
    )
  }
  await session.release()
  return rows
}

const farthest = (rows: number[][], others: number[][]) =>
  Math.max(...rows.flat().map((one, index) => Math.abs(one - (others.flat()[index] ?? Number.NaN))))

describe('import of a checkpoint from the hub', () => {
  test.each(Object.entries(families))('%s computes what its weights say', async (_name, family) => {
    const { sizes, reference, config } = family
    const weights = randomWeights(sizes, 7)
    const folder = await checkpoint(family, weights)
    const out = join(await emptyFolder(), 'model')
    const manifest = await spillwayJson<Manifest>(
      'import',
      folder,
      '--to',
      'fp32',
      'q8',
      'fp16-paged',
      '-o',
      out,
    )
    const expected = referenceLogits(
      {
        hidden_size: sizes.width,
        num_hidden_layers: sizes.layers,
        num_attention_heads: sizes.heads,
        num_key_value_heads: sizes.kvHeads,
        head_dim: sizes.headSize,
        vocab_size: sizes.vocabulary,
        rms_norm_eps: 1e-6,
        ...reference,
      },
      weights,
      tokens,
    )
    for (const singly of [0, 5]) {
      const rows = await logitsOf(join(out, 'fp32/model.onnx'), singly)
      expect(farthest(rows, expected), `${singly} alone`).toBeLessThan(1e-3)
    }
    expect(manifest.generation).toMatchObject({
      context: 512,
      vocabulary: 96,
      stopTokens: [2],
      sampling: { temperature: 0.6, topP: 0.9 },
    })
    expect(manifest.tokenizer?.map(({ path }) => path)).toEqual(['tokenizer.json', 'generation_config.json'])
    const file = readModel(join(out, 'fp32/model.onnx'))
    const tables = [...file.weights.values()].filter(({ dims }) => dims.includes(96))
    expect(tables.length).toBe(config.tie_word_embeddings ? 1 : 2)
    const rounded = await logitsOf(join(out, 'q8/model.onnx'), 0)
    expect(farthest(rounded, expected)).toBeLessThan(2)
    const paged = await pagedLogits(readModel(join(out, 'fp16-paged/model.onnx')), tokens, [3, 11])
    expect(paged.shape).toEqual([1, 2, 96])
    const wanted = [expected[3] ?? [], expected[11] ?? []]
    expect(farthest([Array.from(paged.data)], wanted)).toBeLessThan(0.1)
  })

  test('outputs the most likely tokens with --top-k', async () => {
    const family = families.SmolLM as Family
    const folder = await checkpoint(family, randomWeights(family.sizes, 7))
    const out = join(await emptyFolder(), 'model')
    await spillwayJson<Manifest>('import', folder, '--top-k', '4', '-o', out)
    const path = join(out, 'fp32/model.onnx')
    const session = await ortRuntime.load(path, { backend: 'cpu', threads: 1 })
    const run = await session.run(decoderFeeds(readModel(path), tokens))
    const logits = Array.from(run.logits?.data as Float32Array)
    const best = logits.map((logit, id) => ({ logit, id })).sort((one, other) => other.logit - one.logit)
    expect(run.logits?.shape).toEqual([1, 1, 96])
    expect(Array.from(run.top_ids?.data as Int32Array)).toEqual(best.slice(0, 4).map(({ id }) => id))
    expect(Array.from(run.top_logits?.data as Float32Array)).toEqual(
      best.slice(0, 4).map(({ logit }) => logit),
    )
    const sum = Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0))
    expect(Number(run.log_sum_exp?.data[0])).toBeCloseTo(sum, 4)
    await session.release()
  })

  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['an unknown family', { model_type: 'gemma3' }, 'this model_type cannot be imported: expected llama'],
    ['another activation', { hidden_act: 'gelu' }, 'this hidden_act cannot be imported'],
    ['positions of an unknown kind', { rope_scaling: { type: 'dynamic' } }, 'this rope_scaling cannot'],
    ['sizes that are none', { hidden_size: -4 }, 'config.json is not valid at hidden_size'],
    ['sizes of another model', { num_key_value_heads: 4 }, 'has another shape than config.json says'],
  ])('refuses %s', async (_what, config, message) => {
    const family = {
      sizes: small,
      config: { model_type: 'llama', ...config },
      reference: { frequencies: [] },
    }
    const folder = await checkpoint(family, randomWeights(small, 7))
    const { code, err } = await spillway('import', folder, '-o', join(folder, 'out'))
    expect(err).toContain(message)
    expect(code).toBe(1)
  })

  test.each<[string, Buffer, string]>([
    ['a header past the end', Buffer.from([255, 255, 0, 0, 0, 0, 0, 0, 123, 125]), 'not a safetensors file'],
    ['no header', Buffer.from([1, 2]), 'not a safetensors file'],
    ['a header that is not JSON', Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 123, 123]), 'is not JSON'],
    [
      'data past the end',
      header({ a: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } }),
      'is incomplete',
    ],
    [
      'a shape of other data',
      header({ a: { dtype: 'F32', shape: [9], data_offsets: [0, 0] } }),
      'is incomplete',
    ],
    ['integers', header({ a: { dtype: 'I8', shape: [0], data_offsets: [0, 0] } }), 'is not of floats'],
    ['no tensor that it needs', header({}), 'has no tensor "model.embed_tokens.weight"'],
    [
      'a negative size',
      header({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 0] } }),
      'is not valid at shape',
    ],
  ])('refuses safetensors with %s', async (_what, bytes, message) => {
    const family = { sizes: small, config: { model_type: 'llama' }, reference: { frequencies: [] } }
    const folder = await checkpoint(family, new Map())
    writeFileSync(join(folder, 'model.safetensors'), bytes)
    const { code, err } = await spillway('import', folder, '-o', join(folder, 'out'))
    expect(err).toContain(message)
    expect(code).toBe(1)
  })
})

function header(tensors: Readonly<Record<string, unknown>>): Buffer {
  const text = Buffer.from(JSON.stringify(tensors))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text])
}

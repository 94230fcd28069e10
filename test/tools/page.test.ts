import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { PageReport } from '../../models/cli/output/page.ts'
import type { Manifest } from '../../models/core/index.ts'
import { declaredOf } from '../../models/tools/graph/values.ts'
import type { InspectReport } from '../../models/tools/inspect/report.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import type { Model } from '../../models/tools/onnx/model.ts'
import { readModel } from '../../models/tools/onnx/read.ts'
import { saveModel } from '../../models/tools/onnx/save.ts'
import { pageModel } from '../../models/tools/page/page-model.ts'
import { ortRuntime } from '../../models/tools/run-model/ort.ts'
import { toFloats } from '../../models/tools/run-model/runtime.ts'
import { withLoaded } from '../../models/tools/run-model/with-loaded.ts'
import { emptyFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from './support/build.ts'
import { spillway, spillwayJson } from './support/command.ts'
import { decoderFeeds } from './support/decoder.ts'
import { folderOf } from './support/files.ts'
import { type HubDecoder, hubDecoder } from './support/hub-decoder.ts'
import { pagedLogits } from './support/paged-on-cpu.ts'

const tokens = [1, 17, 39, 4, 4, 30, 8, 12, 0]

/** Gemma's: `30 × tanh(logits / 30)`, in halves. */
const softened: NonNullable<HubDecoder['end']> = {
  type: DataType.FLOAT16,
  nodes: [
    { op: 'Cast', inputs: ['raw_logits'], outputs: ['full'], attributes: { to: DataType.FLOAT } },
    { op: 'Constant', inputs: [], outputs: ['cap'], attributes: { value_float: { float: 30 } } },
    { op: 'Div', inputs: ['full', 'cap'], outputs: ['small'] },
    { op: 'Tanh', inputs: ['small'], outputs: ['bent'] },
    { op: 'Mul', inputs: ['bent', 'cap'], outputs: ['large'] },
    { op: 'Cast', inputs: ['large'], outputs: ['logits'], attributes: { to: DataType.FLOAT16 } },
  ],
}

async function plainLogits(model: Model): Promise<Float32Array | Float64Array> {
  const int64 = (values: readonly number[], shape: readonly number[]) => ({
    type: 'int64' as const,
    data: BigInt64Array.from(values, BigInt),
    shape,
  })
  const own = {
    position_ids: int64([...tokens.keys()], [1, tokens.length]),
    num_logits_to_keep: int64([tokens.length], [1]),
  }
  const taken = new Set(model.inputs.map(({ name }) => name))
  const more = Object.fromEntries(Object.entries(own).filter(([name]) => taken.has(name)))
  return withLoaded(ortRuntime, model, { backend: 'cpu', threads: 1 }, async (runnable) => {
    const { logits } = await runnable.run({ ...decoderFeeds(model, tokens), ...more })
    if (logits === undefined) throw new Error('no logits')
    return toFloats(logits)
  })
}

describe('A paged decoder', () => {
  test.each<[string, HubDecoder, string[]]>([
    ['of query, key and value', {}, []],
    ['of one product for all three, with softened logits of halves', { packed: true, end: softened }, []],
    [
      'that rotates outside of its attention, and keeps the last logits only',
      { rotatesOutside: true, keepsLast: true, attributes: { local_window_size: 4, scale: { float: 0.3 } } },
      ['position_ids'],
    ],
  ])('%s computes what it did before', async (_what, options, positions) => {
    const model = hubDecoder(options)
    const paged = pageModel(model)
    expect(paged.inputs.map(({ name }) => name)).toEqual([
      'input_ids',
      ...positions,
      'block_table',
      'cumulative_sequence_lengths',
      'past_sequence_lengths',
      'attention_metadata',
      'logits_indices',
      'past_key_values.0.key',
      'past_key_values.0.value',
    ])
    expect(paged.outputs.map((output) => [output.name, declaredOf(output)])).toEqual([
      ['logits', { type: DataType.FLOAT, shape: [1, 'wanted', 40] }],
      ['present.0.key', { type: DataType.FLOAT16, shape: ['blocks', 'block_size', 2, 16] }],
      ['present.0.value', { type: DataType.FLOAT16, shape: ['blocks', 'block_size', 2, 16] }],
    ])
    // Nothing is left of the mask.
    expect(paged.nodes.map(({ opType }) => opType)).not.toContain('ReduceSum')
    const before = await plainLogits(model)
    const { shape, data } = await pagedLogits(paged, tokens, [2, 8])
    expect(shape).toEqual([1, 2, 40])
    const wanted = [...before.subarray(2 * 40, 3 * 40), ...before.subarray(8 * 40, 9 * 40)]
    expect(Math.max(...wanted.map((one, index) => Math.abs(one - (data[index] ?? Number.NaN))))).toBeLessThan(
      0.01,
    )
  })

  const copied = (input: string) => [{ op: 'Identity', inputs: [input], outputs: ['added'] }]

  test.each<[string, HubDecoder, string]>([
    ['keys and values of floats', { cacheType: DataType.FLOAT }, 'Take a variant that computes in half'],
    ['a softcap', { attributes: { softcap: { float: 50 } } }, 'PagedAttention has no softcap on WebGPU'],
    ['a smooth softmax', { attributes: { smooth_softmax: 1 } }, 'PagedAttention has no smooth_softmax'],
    ['quantized keys', { attributes: { k_quant_type: 'PER_TENSOR' } }, 'PagedAttention has no k_quant_type'],
    ['an attribute of tomorrow', { attributes: { novel: 1 } }, 'PagedAttention has no novel on WebGPU'],
    ['a bias of the attention', { more: ['', 'table'] }, 'PagedAttention has no attention_bias on WebGPU'],
    ['a sink', { more: ['', '', 'table'] }, 'PagedAttention has no head_sink on WebGPU'],
    ['norms in the attention', { more: ['', '', '', '', '', 'table'] }, 'has no q_norm_weight on WebGPU'],
    ['positions of its own', { more: ['seqlens_k'] }, 'counts positions from the start of a text'],
    ['a second use of the mask', { added: copied('attention_mask') }, '"attention_mask" is used outside'],
    ['a second use of the ids', { added: copied('input_ids') }, '"input_ids" is used outside of the embed'],
    ['a second use of the past', { added: copied('past_key_values.0.key') }, 'keys and values are used'],
    ['a second use of the present', { added: copied('present.0.value') }, 'keys and values are used outside'],
    [
      'logits of no product',
      {
        end: {
          type: DataType.FLOAT16,
          nodes: [{ op: 'Softmax', inputs: ['raw_logits'], outputs: ['logits'] }],
        },
      },
      'expected MatMul or com.microsoft.MatMulNBits, then at most Add, Cast',
    ],
  ])('is not made of a graph with %s', (_what, options, message) => {
    expect(() => pageModel(hubDecoder(options))).toThrow(
      expect.objectContaining({ code: 'not_supported', message: expect.stringContaining(message) }),
    )
  })
})

describe('spillway page', () => {
  test('writes a variant into the manifest of its folder, for WebGPU only and behind the one it was made of', async () => {
    const folder = await folderOf({
      'config.json': Buffer.from(
        JSON.stringify({ architectures: ['LlamaForCausalLM'], max_position_embeddings: 64, eos_token_id: 2 }),
      ),
    })
    const guide = readFileSync(new URL('../../models/README.md', import.meta.url), 'utf8')
    const [, ...paths] = /^spillway page models\/qwen\/(\S+) -o models\/qwen\/(\S+)$/m.exec(guide) ?? []
    const [plain = '', out = ''] = paths.map((path) => join(folder, path))
    saveModel(hubDecoder(), plain)
    await spillway('manifest', folder)
    const report = await spillwayJson<PageReport>('page', plain, '-o', out)
    expect(report).toMatchObject({ attentions: 1, leftOut: [], variant: 'q4f16-paged' })
    const manifest = await spillwayJson<Manifest>('manifest', folder)
    expect(
      manifest.variants.map(({ id, precision, backends, kvType }) => [id, precision, backends, kvType]),
    ).toEqual([
      ['q4f16', 'q4f16', ['webgpu', 'cuda'], 'float16'],
      ['q4f16-paged', 'q4f16', ['webgpu'], 'float16'],
    ])
    // Callers give the same as ever.
    expect(manifest.inputs.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask'])
    expect(manifest.generation).toMatchObject({ batched: true, kv: { layers: 1, heads: 2, headDim: 16 } })

    const { operators, memory } = await spillwayJson<InspectReport>('inspect', out)
    expect(memory.unknownValues).toBe(0)
    expect(operators.find(({ operator }) => operator.endsWith('PagedAttention'))).toEqual({
      operator: 'com.microsoft.PagedAttention',
      count: 1,
      onGpu: 1,
      runs: true,
      inBrowsers: true,
      onWasm: false,
      onCpu: false,
    })
    expect((await spillway('inspect', out)).out).toContain('every node runs on the GPU, and on nothing else')

    const twice = await spillway('page', out, '-o', join(folder, 'twice.onnx'))
    expect(twice).toMatchObject({ code: 1, out: '' })
    expect(twice.err).toContain('The graph cannot be paged: it is paged already')
  })

  test('describes a folder of the paged graph alone by what that takes', async () => {
    const folder = await emptyFolder()
    saveModel(pageModel(hubDecoder()), join(folder, 'model.onnx'))
    const { variants, inputs, generation, batchAxis } = await spillwayJson<Manifest>('manifest', folder)
    expect(variants.map(({ id, backends, kvType }) => [id, backends, kvType])).toEqual([
      ['fp16', ['webgpu'], 'float16'],
    ])
    expect(inputs.map(({ name }) => name)).toContain('block_table')
    expect(generation).toMatchObject({ batched: true, kv: { layers: 1, heads: 2, headDim: 16 } })
    expect(batchAxis).toBe(null)
  })

  test('says what it takes where a model is no decoder', async () => {
    const folder = await folderOf({
      'net.onnx': encode(
        modelProto({
          nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
          inputs: [value('x', ['n', 3])],
          outputs: [value('y', ['n', 3])],
        }),
      ),
    })
    const { code, err } = await spillway('page', join(folder, 'net.onnx'), '-o', join(folder, 'paged.onnx'))
    expect(code).toBe(1)
    expect(err).toContain('it has no GroupQueryAttention: expected a decoder in the layout of the hub')
    expect(() => readModel(join(folder, 'paged.onnx'))).toThrow('There is no file')
  })
})

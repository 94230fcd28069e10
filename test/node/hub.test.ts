import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { findModel, type HubOptions, openRepository } from '../../models/hub/index.ts'
import { type HubFault, startHub, type TestHub } from '../support/hub.ts'
import { decoderRepository, embedderRepository } from '../support/hub-models.ts'

let hub: TestHub
const embedder = embedderRepository()
beforeAll(async () => {
  const config = (value: unknown) => ({ 'config.json': JSON.stringify(value), 'onnx/model.onnx': 'x' })
  hub = await startHub({
    'owner/embedder': embedder,
    'owner/decoder': decoderRepository(),
    'owner/private': { ...embedder, access: 'private' },
    'owner/gated': { ...embedder, access: 'gated' },
    'owner/mirror': { ...embedder, listsLfs: false },
    'owner/torch': { files: { 'config.json': '{}', 'model.safetensors': 'x' } },
    'owner/strange': { files: config({ architectures: ['FooModel2'] }) },
    'owner/state-space': {
      files: config({
        architectures: ['Lfm2ForCausalLM'],
        num_hidden_layers: 2,
        num_attention_heads: 2,
        hidden_size: 8,
        vocab_size: 9,
        layer_types: ['conv', 'full_attention'],
      }),
    },
    'owner/broken': { files: { 'config.json': '{"hidden_size": -3}', 'onnx/model.onnx': 'x' } },
    'owner/list': { files: { 'config.json': '[]', 'onnx/model.onnx': 'x' } },
    'owner/eyes': { files: config({ architectures: ['PerceiverModel'], vocab_size: null }) },
    'owner/escapes': { files: { ...config({}), '../../etc/passwd': 'x' } },
    'owner/huge': {
      files: { ...Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`part-${index}`, 'x'])) },
    },
    'owner/image': {
      files: {
        ...config({
          architectures: ['MobileNetV4ForImageClassification'],
          model_type: 'mobilenet_v4',
          num_channels: 3,
          id2label: { 1: 'dog', 0: 'cat' },
        }),
        'preprocessor_config.json': JSON.stringify({
          size: { shortest_edge: 256 },
          crop_size: { height: 224, width: 224 },
          image_mean: [0.5, 0.5, 0.5],
          image_std: [0.25, 0.25, 0.25],
        }),
      },
    },
    'owner/sentiment': {
      files: config({
        architectures: ['DistilBertForSequenceClassification'],
        model_type: 'distilbert',
        vocab_size: 9,
        id2label: { 0: 'NEGATIVE', 1: 'POSITIVE' },
      }),
    },
  })
})
afterAll(() => hub.stop())
afterEach(() => {
  hub.fault = () => 'pass'
  hub.pageSize = 1000
  hub.clear()
})

const find = (source: string, options: HubOptions = {}, signal?: AbortSignal) =>
  findModel(source, { models: hub.url, hub: { endpoint: hub.url, ...options }, clock: systemClock }, signal)

const open = (repo: string) =>
  openRepository({ repo, revision: 'main' }, { endpoint: hub.url }, { clock: systemClock })

const refused = async (source: string, options?: HubOptions): Promise<SpillwayError> => {
  const error = await find(source, options).catch((cause: unknown) => cause)
  return error instanceof SpillwayError ? error : expect.fail(`${source}: ${String(error)}`)
}

describe('A repository on the hub', () => {
  test('is pinned to its commit, and its manifest is derived from its files', async () => {
    const { manifest, locate } = await find('hf:owner/embedder')
    const commit = hub.commit('owner/embedder')
    expect(manifest).toMatchObject({
      id: 'owner--embedder',
      version: commit,
      title: 'embedder',
      license: 'apache-2.0',
      task: 'feature-extraction',
      embedding: { pooling: 'mean', normalize: true, context: 128 },
      batchAxis: 0,
    })
    expect(manifest.inputs.map(({ name, pad }) => [name, pad?.value])).toEqual([
      ['input_ids', 0],
      ['attention_mask', 0],
      ['token_type_ids', 0],
    ])
    expect(manifest.outputs).toMatchObject([{ name: 'last_hidden_state', shape: [-1, -1, 32] }])
    expect(manifest.variants.map(({ id, files }) => [id, files.map(({ path }) => path)])).toEqual([
      ['quantized', ['onnx/model_quantized.onnx']],
      ['fp32', ['onnx/model.onnx', 'onnx/model.onnx_data']],
    ])
    expect(manifest.tokenizer?.map(({ path }) => path)).toEqual(['tokenizer.json', 'tokenizer_config.json'])
    const graph = manifest.variants[1]?.files[0] ?? expect.fail('no file')
    expect(locate(graph).url.href).toBe(`${hub.url}owner/embedder/resolve/${commit}/onnx/model.onnx`)
    // No file in LFS is fetched for the manifest.
    expect(hub.seen.filter(({ origin }) => origin === 'store')).toEqual([])
    expect(hub.seen.filter(({ path }) => path.includes('/resolve/main/'))).toEqual([])
  })

  test.each([
    ['a tag', 'hf:owner/embedder@v1'],
    ['a ref', 'hf:owner/embedder@refs/pr/1'],
    ['its page', 'URL/owner/embedder'],
  ])('is found by %s', async (_what, source) => {
    const { manifest } = await find(source.replace('URL/', hub.url.href))
    expect(manifest.version).toBe(hub.commit('owner/embedder'))
  })

  test('gives the cache, context and sampling of a decoder', async () => {
    const { manifest } = await find('hf:owner/decoder')
    expect(manifest).toMatchObject({
      task: 'text-generation',
      generation: {
        context: 256,
        vocabulary: 48,
        stopTokens: [2, 3],
        kv: { layers: 1, heads: 2, headDim: 4 },
        sampling: { temperature: 0.6, topK: 50 },
      },
    })
    expect(manifest.variants.map(({ id, kvType }) => [id, kvType])).toEqual([
      ['q4f16', 'float16'],
      ['fp32', undefined],
    ])
  })

  test('gives the size of images, and the labels', async () => {
    const { manifest } = await find('hf:owner/image')
    expect(manifest).toMatchObject({
      task: 'image-classification',
      labels: ['cat', 'dog'],
      inputs: [{ name: 'pixel_values', shape: [-1, 3, 224, 224] }],
      outputs: [{ name: 'logits', shape: [-1, 2] }],
    })
    expect(manifest.inputs[0]?.description).toContain('minus 0.5, 0.5, 0.5, divided by 0.25')
  })

  test('gives the labels of texts', async () => {
    const { manifest } = await find('hf:owner/sentiment')
    expect(manifest).toMatchObject({ task: 'text-classification', labels: ['NEGATIVE', 'POSITIVE'] })
    expect(manifest.inputs.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask'])
  })

  test('may be listed in pages', async () => {
    hub.pageSize = 3
    const { manifest } = await find('hf:owner/embedder')
    expect(manifest.variants).toHaveLength(2)
    expect(hub.seen.filter(({ path }) => path.includes('/tree/')).length).toBeGreaterThan(2)
  })

  test('may be on a mirror whose list leaves LFS out: the redirect to a large file has the hash', async () => {
    const repository = await open('owner/mirror')
    const { manifest } = await find('hf:owner/mirror')
    const { manifest: known } = await find('hf:owner/embedder')
    expect(manifest.variants).toEqual(known.variants)
    expect(await repository.spec('onnx/model.onnx')).toEqual(known.variants[1]?.files[0])
  })
})

describe('A folder of models that answers with an error', () => {
  test.each<[HubFault, string, object]>([
    ['missing', 'model_unknown', { hint: expect.stringContaining('folder of models') }],
    ['busy', 'overloaded', { retryAfterMs: 7_000 }],
  ])('%s gives its code', async (fault, code, detail) => {
    hub.fault = () => fault
    const error = await refused('digits')
    expect(error).toMatchObject({ code, detail })
    expect(error.message).toContain(
      `${hub.url.origin} did not send /digits/manifest.json: expected status 200`,
    )
  })
})

describe('A private repository', () => {
  test('is read with a token, which is sent to no other origin', async () => {
    const { manifest, locate } = await find('hf:owner/private', { token: hub.token })
    const graph = manifest.variants[1]?.files[0] ?? expect.fail('no file')
    const { url, headers } = locate(graph)
    const response = await fetch(url, { headers })
    expect((await response.arrayBuffer()).byteLength).toBe(graph.size)
    const asked = (origin: 'hub' | 'store') =>
      hub.seen.filter((entry) => entry.origin === origin).map(({ authorization }) => authorization)
    expect(new Set(asked('hub'))).toEqual(new Set([`Bearer ${hub.token}`]))
    expect(asked('store')).toEqual([undefined])
  })

  test.each([
    ['private, without a token', 'hf:owner/private', undefined, 'model_unknown', 'HF_TOKEN'],
    ['private, with a wrong token', 'hf:owner/private', 'hf_wrong', 'model_unknown', 'HF_TOKEN'],
    ['gated', 'hf:owner/gated', undefined, 'access_denied', 'Accept its conditions at'],
    ['not there', 'hf:owner/nothing', undefined, 'model_unknown', 'owner/nothing'],
    ['of another revision', 'hf:owner/embedder@v9', undefined, 'model_unknown', 'no revision "v9"'],
  ] as const)('that is %s is refused', async (_what, source, token, code, message) => {
    expect(await refused(source, { token })).toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })
})

describe('An unusable repository is refused with the reason', () => {
  test.each([
    ['hf:owner/torch', 'model_invalid', 'no ONNX model'],
    ['hf:owner/strange', 'not_supported', 'FooModel2'],
    ['hf:owner/state-space', 'not_supported', 'conv'],
    ['hf:owner/broken', 'model_invalid', 'config.json is not valid at hidden_size'],
    ['hf:owner/list', 'model_invalid', 'config.json is not valid at its root'],
    ['hf:owner/eyes', 'not_supported', 'PerceiverModel'],
    ['hf:owner/escapes', 'server_response_invalid', 'outside of itself'],
  ])('%s', async (source, code, message) => {
    expect(await refused(source)).toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('where its list of files has too many pages', async () => {
    hub.pageSize = 1
    expect(await refused('hf:owner/huge')).toMatchObject({ code: 'not_supported' })
  })

  test.each<[HubFault, string, string]>([
    ['html', 'server_response_invalid', 'text/html'],
    ['missing', 'model_unknown', 'status 404'],
    ['busy', 'overloaded', 'too many requests'],
    ['loop', 'server_unreachable', 'redirect'],
    ['reset', 'server_unreachable', 'cannot be reached'],
  ])('where the hub answers with %s', async (fault, code, message) => {
    hub.fault = () => fault
    expect(await refused('hf:owner/embedder')).toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test('where a file does not match the list', async () => {
    const repository = await open('owner/embedder')
    hub.fault = (path) => (path.endsWith('config.json') ? 'html' : 'pass')
    await expect(repository.read('config.json')).rejects.toMatchObject({ code: 'file_altered' })
  })

  test('where its caller aborts', async () => {
    hub.fault = () => 'hang'
    const controller = new AbortController()
    const found = find('hf:owner/embedder', {}, controller.signal)
    controller.abort()
    await expect(found).rejects.toMatchObject({ code: 'aborted' })
  })
})

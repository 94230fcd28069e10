import { cp, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import type { Manifest } from '../../models/core/index.ts'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { createTextService } from '../../server/inference/text-service.ts'
import type { WaitOptions } from '../../workers/host/scheduler/work.ts'
import { createCpuInference } from '../support/cpu-inference.ts'
import { createTestOffload } from '../support/offload.ts'
import {
  denseBias,
  denseWeight,
  type SentenceTransformerParts,
  sentenceTransformer,
} from '../support/sentence-transformer.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { startTestApp } from '../support/test-app.ts'
import { emptyFolder } from '../support/test-models.ts'

const shape = { words: 300, width: 8, heads: 2, layers: 1, context: 64 }
const about = { pipeline: 'sentence-similarity' }

/** Writes a model's folder. @param change Replaces files, by their paths; null leaves one out. */
async function write(
  root: string,
  parts: Partial<SentenceTransformerParts>,
  change: Readonly<Record<string, string | null>> = {},
): Promise<string> {
  const { files } = sentenceTransformer({ ...shape, ...parts }).repository
  for (const [path, content] of Object.entries({ ...files, ...change })) {
    if (content === null) continue
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  return root
}

const models: Readonly<Record<string, Partial<SentenceTransformerParts>>> = {
  mean: { pooling: 'mean', normalize: false },
  max: { pooling: 'max', normalize: false },
  mean_sqrt_len: { pooling: 'mean_sqrt_len', normalize: false },
  weighted_mean: { pooling: 'weighted_mean', normalize: false },
  dense: { pooling: 'cls', normalize: false, dense: 4 },
  'dense-normalized': { pooling: 'mean', normalize: true, dense: 4 },
}
const manifests = new Map<string, Manifest>()
let folder: string
let server: TestServer
let client: OpenAI
beforeAll(async () => {
  folder = await emptyFolder()
  for (const [id, parts] of Object.entries(models)) {
    const root = await write(join(folder, id), parts)
    const manifest = await makeManifest(root, { about })
    manifests.set(id, manifest)
    writeManifest(join(root, 'manifest.json'), manifest)
  }
  server = await startServer({ SPILLWAY_MODELS: folder })
  client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', server.url).href, maxRetries: 0 })
})
afterAll(async () => {
  await server?.stop()
})

const tokens = [2, 17, 40, 8, 3]

/** The vectors of the tokens, as the graph gives them. */
async function hiddenStates(model: string): Promise<number[][]> {
  const input = (name: string, data: readonly number[]) => ({
    name,
    datatype: 'INT64',
    shape: [1, tokens.length],
    data,
  })
  const response = await fetch(new URL(`v2/models/${model}/infer`, server.url), {
    method: 'POST',
    body: JSON.stringify({
      inputs: [
        input('input_ids', tokens),
        input(
          'attention_mask',
          tokens.map(() => 1),
        ),
        input(
          'token_type_ids',
          tokens.map(() => 0),
        ),
      ],
    }),
  })
  const [{ data, shape: dims }] = (await response.json()).outputs
  const size = dims[2]
  return tokens.map((_, at) => data.slice(at * size, (at + 1) * size))
}

const columns = (rows: readonly (readonly number[])[]): number[][] =>
  (rows[0] ?? []).map((_, at) => rows.map((row) => row[at] ?? 0))
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const mean = (rows: readonly (readonly number[])[]) =>
  columns(rows).map((values) => sum(values) / rows.length)
const throughDense = (vector: readonly number[]) =>
  Array.from({ length: 4 }, (_, row) =>
    Math.tanh(denseBias(row) + sum(vector.map((value, column) => value * denseWeight(row, column)))),
  )
const scaled = (vector: readonly number[]) => {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}

describe('a text’s vector', () => {
  const expected: Readonly<Record<string, (rows: number[][]) => number[]>> = {
    mean,
    max: (rows) => columns(rows).map((values) => Math.max(...values)),
    mean_sqrt_len: (rows) => columns(rows).map((values) => sum(values) / Math.sqrt(rows.length)),
    weighted_mean: (rows) =>
      columns(rows).map((values) => sum(values.map((value, at) => value * (at + 1))) / 15),
    dense: ([first = []]) => throughDense(first),
    'dense-normalized': (rows) => scaled(throughDense(mean(rows))),
  }
  test.each(Object.keys(expected))('is that of %s', async (model) => {
    const vector = expected[model]?.(await hiddenStates(model)) ?? []
    const { data } = await client.embeddings.create({ model, input: tokens })
    expect(data[0]?.embedding).toEqual(vector.map((value) => expect.closeTo(value, 4)))
  })

  test('is the same where an upstream runs the model, and this server reads the text', async () => {
    const there = await emptyFolder()
    await cp(join(folder, 'mean'), join(there, 'mean'), { recursive: true })
    const upstream = { protocol: 'oip', urls: [server.url.href] }
    await writeFile(join(there, 'mean', 'upstream.json'), JSON.stringify(upstream))
    const front = await startTestApp({ models: [there] })
    const body = JSON.stringify({ model: 'mean', input: ['w1 w2 w3', 'w4'] })
    const response = await front.request('/v1/embeddings', { method: 'POST', body })
    expect(response.status, await response.clone().text()).toBe(200)
    const { data } = await client.embeddings.create({ model: 'mean', input: ['w1 w2 w3', 'w4'] })
    const vectors = data.map(({ embedding }) => embedding.map((value) => expect.closeTo(value, 5)))
    expect((await response.json()).data.map(({ embedding }: { embedding: number[] }) => embedding)).toEqual(
      vectors,
    )
    front.close()
  })

  test('comes with a layer whose file the manifest lists', async () => {
    const [layer] = manifests.get('dense')?.embedding?.dense ?? []
    expect(layer).toMatchObject({ inputs: 8, outputs: 4, bias: true, activation: 'tanh' })
    const { path = '', sha256 = '' } = layer?.file ?? {}
    const response = await fetch(new URL(`models/dense/${path}?sha256=${sha256}`, server.url))
    expect(Number(response.headers.get('content-length'))).toBe(layer?.file.size)
  })
})

describe('a model with a step that is not understood is refused, naming it:', () => {
  const modules = (...names: readonly string[]) =>
    JSON.stringify(
      names.map((name, index) => ({
        type: `sentence_transformers.models.${name}`,
        path: index === 0 ? '' : `${index}_${name}`,
      })),
    )
  const dense = (activation_function: string) =>
    JSON.stringify({ in_features: 8, out_features: 4, bias: true, activation_function })
  test.each<[string, Readonly<Record<string, string | null>>, string]>([
    ['another module', { 'modules.json': modules('Transformer', 'Pooling', 'LSTM') }, 'LSTM'],
    ['no pooling', { 'modules.json': modules('Transformer', 'Normalize') }, 'Transformer, Normalize'],
    ['another order', { 'modules.json': modules('Transformer', 'Dense', 'Pooling') }, 'Transformer, Dense'],
    [
      'two poolings',
      { '1_Pooling/config.json': '{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":true}' },
      'pooling_mode_cls_token and pooling_mode_mean_tokens',
    ],
    ['weights of PyTorch only', { '2_Dense/model.safetensors': null }, '2_Dense/model.safetensors'],
    [
      'a prompt before each text',
      {
        'config_sentence_transformers.json': '{"prompts":{"query":"find: "},"default_prompt_name":"query"}',
      },
      'find: ',
    ],
    [
      'another case than the tokenizer',
      {
        'sentence_bert_config.json': '{"do_lower_case":true}',
        'tokenizer_config.json': '{"do_lower_case":false}',
      },
      'do_lower_case',
    ],
    ['another activation', { '2_Dense/config.json': dense('torch.nn.GELU') }, 'torch.nn.GELU'],
  ])('%s', async (_what, change, named) => {
    const root = await write(await emptyFolder(), { dense: 4 }, change)
    await expect(makeManifest(root, { about })).rejects.toMatchObject({
      code: 'not_supported',
      message: expect.stringContaining(named),
    })
  })
})

test('embeds 2,048 texts of one request, in their order', async () => {
  const { language } = sentenceTransformer(shape)
  const texts = language.texts(
    Array.from({ length: 2_048 }, (_, index) => 1 + ((index * 7) % 19)),
    3,
  )
  const { data } = await client.embeddings.create({ model: 'mean', input: texts })
  expect(data.map(({ index }) => index)).toEqual(texts.map((_, index) => index))
  for (const index of [0, 1, 777, 2_047]) {
    const alone = await client.embeddings.create({ model: 'mean', input: texts[index] ?? '' })
    expect(data[index]?.embedding).toEqual(
      (alone.data[0]?.embedding ?? []).map((value) => expect.closeTo(value, 4)),
    )
  }
})

describe('in a queue with room for 100', () => {
  const input = Array.from({ length: 2_048 }, () => tokens)
  const open = () => {
    const inference = createCpuInference()
    const manifest = manifests.get('mean') ?? expect.fail('no model')
    const entry = { manifest, folder: join(folder, 'mean') }
    const service = createTextService(inference, systemClock, createTestOffload())
    return {
      inference,
      embed: (texts: readonly (readonly number[])[], wait: WaitOptions = {}) =>
        service.embed(entry, texts, wait),
    }
  }

  test('2,048 texts are embedded', async () => {
    const { inference, embed } = open()
    const { embeddings } = await embed(input)
    expect(embeddings).toHaveLength(2_048)
    inference.close()
  })

  test('a caller that leaves leaves nothing queued', async () => {
    const { inference, embed } = open()
    const controller = new AbortController()
    const left = embed(input, { signal: controller.signal })
    await expect.poll(() => inference.stats().queued, { interval: 1 }).toBeGreaterThan(50)
    controller.abort()
    await expect(left).rejects.toMatchObject({ code: 'aborted' })
    expect(inference.stats().queued).toBe(0)
    inference.close()
  })

  test('a text that is refused leaves none of the others queued', async () => {
    const { inference, embed } = open()
    const tooLong = [...input.slice(1), new Array(65).fill(5)]
    await expect(embed(tooLong)).rejects.toMatchObject({ code: 'context_exceeded' })
    expect(inference.stats().queued).toBe(0)
    inference.close()
  })
})

test('an embedding is logged with its wait and its runs', async () => {
  const before = server.log.length
  await client.embeddings.create({ model: 'mean', input: [tokens, tokens] })
  const lines = () => server.log.slice(before)
  await expect.poll(lines).toContainEqual(
    expect.objectContaining({
      path: '/v1/embeddings',
      model: 'mean',
      rows: 2,
      promptTokens: 2 * tokens.length,
      queueMs: expect.any(Number),
      computeMs: expect.any(Number),
    }),
  )
})

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { env, type FeatureExtractionPipeline, pipeline } from '@huggingface/transformers'
import OpenAI from 'openai'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import type {} from '../../web/embed/window-global.ts'
import { launchBrowser, openBarePage } from '../support/page.ts'
import { sentenceTransformer } from '../support/sentence-transformer.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'
import { writeEmbedder } from '../support/write-model.ts'

const poolings = ['mean', 'cls', 'last'] as const
const models = poolings.flatMap((pooling) =>
  [true, false].map((normalize) => ({ id: normalize ? pooling : `${pooling}-raw`, pooling, normalize })),
)
/** The names of the poolings in transformers.js. */
const names = { mean: 'mean', cls: 'cls', last: 'last_token' } as const
const shape = { words: 300, width: 32, heads: 4, layers: 2, context: 128 }
const lengths = [1, 40, 3, 60, 17, 2, 33, 8, 5, 55, 1, 24, 12, 47, 9, 21]
const texts = sentenceTransformer(shape).language.texts(lengths, 1)

let server: TestServer
let client: OpenAI
let browser: Browser
let page: Page
let extractor: FeatureExtractionPipeline

beforeAll(async () => {
  const folder = await emptyFolder()
  for (const { id, pooling, normalize } of models) {
    const root = join(folder, id)
    const { files } = sentenceTransformer({ ...shape, pooling, normalize }).repository
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), content)
    }
    const about = { pipeline: 'sentence-similarity' }
    writeManifest(join(root, 'manifest.json'), await makeManifest(root, { about }))
  }
  await writeEmbedder(folder, 'dense', { ...shape, pooling: 'weighted_mean', dense: 12 })
  env.allowRemoteModels = false
  env.localModelPath = folder
  ;[server, browser, extractor] = await Promise.all([
    startServer({ SPILLWAY_MODELS: folder }),
    launchBrowser(),
    pipeline('feature-extraction', 'mean', { dtype: 'fp32' }),
  ])
  client = new OpenAI({ apiKey: 'none', baseURL: new URL('v1', server.url).href })
  ;({ page } = await openBarePage(await browser.newContext(), server.url))
})
afterAll(async () => {
  await Promise.all([browser?.close(), server?.stop(), extractor?.dispose()])
})

/** The vectors of another implementation, for each text by itself. */
async function reference({ pooling, normalize }: (typeof models)[number]): Promise<number[][]> {
  const vectors: number[][] = []
  for (const text of texts) {
    const { data } = await extractor(text, { pooling: names[pooling], normalize })
    vectors.push(Array.from(data, Number))
  }
  return vectors
}

/** Number by number. */
function expectEqual(got: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void {
  expect(got.map(({ length }) => length)).toEqual(expected.map(({ length }) => length))
  const differences = got.flatMap((vector, index) =>
    vector.map((value, at) => Math.abs(value - (expected[index]?.[at] ?? Number.NaN))),
  )
  expect(Math.max(...differences)).toBeLessThan(1e-4)
}

describe.each(models)('texts through $id', (model) => {
  test('are the vectors of transformers.js on the server, together or alone', async () => {
    const expected = await reference(model)
    const { data, usage } = await client.embeddings.create({ model: model.id, input: texts })
    expectEqual(
      data.map(({ embedding }) => embedding),
      expected,
    )
    expect(usage.prompt_tokens).toBeGreaterThan(lengths.reduce((sum, length) => sum + length, 0))
    const alone: number[][] = []
    for (const input of texts.slice(0, 6)) {
      const { data } = await client.embeddings.create({ model: model.id, input, encoding_format: 'float' })
      alone.push(data[0]?.embedding ?? [])
    }
    expectEqual(alone, expected.slice(0, 6))
  })

  test('are the vectors of transformers.js on the device, together or alone', async () => {
    const { together, alone, largestBatch } = await page.evaluate(
      async ({ id, texts }) => {
        const model = await window.spillway.model(id)
        await model.load()
        const options = { policy: 'device' } as const
        const vectors = ({ embeddings }: Awaited<ReturnType<typeof model.embed>>) =>
          embeddings.map((vector) => [...vector])
        const alone: number[][] = []
        for (const text of texts) alone.push(...vectors(await model.embed(text, options)))
        const together = vectors(await model.embed(texts, options))
        const stats = window.spillway
          .stats()
          .device.models.find(({ session }) => session.startsWith(`${id}@`))
        return { together, alone, largestBatch: stats?.largestBatch }
      },
      { id: model.id, texts },
    )
    const expected = await reference(model)
    expectEqual(together, expected)
    expectEqual(alone, expected)
    expect(largestBatch).toBeGreaterThan(1)
  })
})

test('go through a dense layer on the device as on the server', async () => {
  const { data } = await client.embeddings.create({ model: 'dense', input: texts })
  const onDevice = await page.evaluate(async (texts) => {
    const model = await window.spillway.model('dense')
    await model.load()
    const { embeddings } = await model.embed(texts, { policy: 'device' })
    return embeddings.map((vector) => [...vector])
  }, texts)
  expect(onDevice[0]).toHaveLength(12)
  expectEqual(
    onDevice,
    data.map(({ embedding }) => embedding),
  )
})

test('vectors differ with the text and with the pooling', async () => {
  const [mean = [], cls = []] = await Promise.all(
    ['mean', 'cls'].map(async (model) => {
      const { data } = await client.embeddings.create({ model, input: texts.slice(1, 3) })
      return data.map(({ embedding }) => embedding)
    }),
  )
  const cosine = (one: readonly number[] = [], other: readonly number[] = []) =>
    one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0)
  expect(cosine(mean[0], mean[0])).toBeCloseTo(1, 5)
  expect(cosine(mean[0], mean[1])).toBeLessThan(0.99)
  expect(cosine(mean[0], cls[0])).toBeLessThan(0.99)
})

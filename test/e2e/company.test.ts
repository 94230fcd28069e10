import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type {} from '../../web/embed/window-global.ts'
import { launchBrowser, openBarePage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type SmallGraph, smallGraphs } from '../support/small-models.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'
import { writeEmbedder } from '../support/write-model.ts'

/** The widths of models whose manifests say that they batch, without a word on how that is known; one of them does. */
const widths = {
  twice: 3,
  shareOfMax: 3,
  timeMajor: 3,
  softmaxOverRows: 1,
  padsRows: 3,
  dynamicInt8: 2,
} as const satisfies Partial<Record<SmallGraph, number>>
const small = Object.keys(widths) as (keyof typeof widths)[]

async function writeSmall(id: keyof typeof widths): Promise<string> {
  const file = join(await emptyFolder(), 'model.onnx')
  await writeFile(file, smallGraphs[id])
  const spec = (name: string) => ({ name, type: 'float32' as const, shape: [-1, widths[id]] })
  const inputs = [spec('x')]
  const outputs = [spec('y')]
  return modelFolder(file, { id, title: id, task: 'tensor', batchAxis: 0, inputs, outputs })
}

interface Asked {
  readonly model: string
  readonly input: string
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** Requests of all models in turns, with other values and other numbers of rows; an outlier is among them. */
const requests: readonly Asked[] = [0.5, 1000, 3, -4].flatMap((base, at) => {
  const rows = 1 + (at % 3)
  const numbers = (count: number, most: number) =>
    Array.from({ length: count }, (_, index) => (base + index / 2) / most)
  return [
    ...small.map((model) => ({
      model,
      input: 'x',
      shape: [rows, widths[model]],
      data: numbers(rows * widths[model], 1),
    })),
    { model: 'digits', input: 'image', shape: [rows, 1, 28, 28], data: numbers(rows * 784, 1500) },
  ]
})

let server: TestServer
let browser: Browser
let page: Page
let texts: string[]
beforeAll(async () => {
  const folder = await emptyFolder()
  const language = await writeEmbedder(folder, 'embedder', {
    words: 300,
    width: 16,
    heads: 2,
    layers: 1,
    context: 64,
  })
  texts = language.texts([3, 17, 1, 40, 8], 1)
  const folders = [folder, ...(await Promise.all(small.map(writeSmall)))]
  ;[server, browser] = await Promise.all([
    startServer({ SPILLWAY_MODELS: folders.join(delimiter) }),
    launchBrowser(),
  ])
  ;({ page } = await openBarePage(await browser.newContext(), server.url))
})
afterAll(async () => {
  await Promise.all([browser?.close(), server?.stop()])
})

interface Answers {
  readonly runs: readonly (readonly number[])[]
  readonly vectors: readonly (readonly number[])[]
  readonly stories: readonly string[]
}

/** What the page gets for all requests: each after the other, or all at once. */
const askPage = (policy: 'device' | 'server', together: boolean): Promise<Answers> =>
  page.evaluate(
    async ({ policy, together, requests, texts }) => {
      const inTurn = async <T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> => {
        if (together) return Promise.all(items.map(ask))
        const answers: R[] = []
        for (const item of items) answers.push(await ask(item))
        return answers
      }
      const run = async ({ model, input, shape, data }: (typeof requests)[number]) => {
        const loaded = await window.spillway.model(model)
        const inputs = { [input]: { data: Float32Array.from(data), shape } }
        const { outputs, placement } = await loaded.run(inputs, { policy })
        if (placement.tier !== policy) throw new Error(`${model} ran on the ${placement.tier}`)
        return Object.values(outputs).flatMap(({ data }) => [...data].map(Number))
      }
      const embed = async (text: string) => {
        const { embeddings } = await (await window.spillway.model('embedder')).embed([text], { policy })
        return [...(embeddings[0] ?? [])]
      }
      const write = async (seed: number) => {
        const bard = await window.spillway.model('bard')
        const request = { prompt: `Once ${seed}`, maxTokens: 12, seed }
        return (await bard.generate(request, { policy }).result).text
      }
      window.spillway.policy = policy
      const all = [
        () => inTurn(requests, run),
        () => inTurn(texts, embed),
        () => inTurn([1, 2, 3, 4], write),
      ] as const
      if (together) {
        const [runs, vectors, stories] = await Promise.all([all[0](), all[1](), all[2]()])
        return { runs, vectors, stories }
      }
      return { runs: await all[0](), vectors: await all[1](), stories: await all[2]() }
    },
    { policy, together, requests, texts },
  )

/** What a client of the protocol gets from the server, with other clients beside it or without. */
async function askServer(together: boolean): Promise<number[][]> {
  const ask = async ({ model, input, shape, data }: Asked): Promise<number[]> => {
    const response = await fetch(new URL(`v2/models/${model}/infer`, server.url), {
      method: 'POST',
      body: JSON.stringify({ inputs: [{ name: input, datatype: 'FP32', shape, data }] }),
    })
    const answer = await response.json()
    expect(response.status, JSON.stringify(answer)).toBe(200)
    return answer.outputs.flatMap(({ data }: { data: number[] }) => data)
  }
  if (together) return Promise.all(requests.map(ask))
  const answers: number[][] = []
  for (const request of requests) answers.push(await ask(request))
  return answers
}

/** The small models are exact. Matrix products may add in another order in a larger batch. */
const exactly = (answers: readonly (readonly number[])[]) =>
  answers.map((answer, index) =>
    small.some((model) => model === requests[index]?.model)
      ? answer
      : answer.map((value) => expect.closeTo(value, 4)),
  )
const closely = (vectors: Answers['vectors']) =>
  vectors.map((vector) => vector.map((value) => expect.closeTo(value, 5)))

describe('an answer does not depend on who else asked', () => {
  test.each(['device', 'server'] as const)('of a page, on the %s', { timeout: 120_000 }, async (policy) => {
    const alone = await askPage(policy, false)
    for (let round = 0; round < 2; round++) {
      const together = await askPage(policy, true)
      expect(together.runs).toEqual(exactly(alone.runs))
      expect(together.vectors).toEqual(closely(alone.vectors))
      expect(together.stories).toEqual(alone.stories)
    }
  })

  test('of a client of the server’s protocol', async () => {
    const alone = await askServer(false)
    for (let round = 0; round < 4; round++) expect(await askServer(true)).toEqual(exactly(alone))
  })

  test('though requests share runs where their rows are known to be independent', {
    timeout: 120_000,
  }, async () => {
    const models = () => page.evaluate(() => window.spillway.stats().device.models)
    const largest = async (id: string) =>
      (await models()).find(({ session }) => session.startsWith(id))?.largestBatch
    // No request has more than 3 rows. Whether requests share a run depends on lanes that are busy.
    const shared = async () => {
      await askPage('device', true)
      return largest('twice')
    }
    await expect.poll(shared, { timeout: 60_000 }).toBeGreaterThan(3)
    for (const id of small.filter((id) => id !== 'twice'))
      expect(await largest(id), id).toBeLessThanOrEqual(3)
  })
})

import { afterAll, afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { createRuntime, type Runtime, type RuntimeOptions } from '../../web/api/index.ts'

const hub = inject('hub')
let runtimes: Runtime[] = []
beforeEach(() => {
  runtimes = []
})
afterEach(() => {
  for (const runtime of runtimes) runtime.close()
})

const withHub = async (options: RuntimeOptions = {}) => {
  const runtime = await createRuntime({
    server: null,
    policy: 'device',
    hub: { endpoint: hub.url },
    ...options,
  })
  runtimes.push(runtime)
  return runtime
}

/** For tests that need no runtime of their own: each loads ONNX Runtime. */
let shared: Promise<Runtime> | undefined
const sharedRuntime = () => {
  shared ??= createRuntime({ server: null, policy: 'device', hub: { endpoint: hub.url } })
  return shared
}
afterAll(async () => (await shared)?.close())

const tokens = (...ids: number[]) => BigInt64Array.from(ids, BigInt)

describe('A model on the hub', () => {
  test('runs on the device without a Spillway server, with its weights in an external data file', async () => {
    const runtime = await sharedRuntime()
    const progress: number[] = []
    const model = await runtime.model('hf:owner/external', {
      onProgress: ({ loadedBytes, totalBytes }) => progress.push(loadedBytes / totalBytes),
    })
    expect(model.manifest).toMatchObject({ id: 'owner--external', version: hub.commits['owner/external'] })
    expect(model.manifest.variants.map(({ files }) => files.map(({ path }) => path))).toEqual([
      ['onnx/model.onnx', 'onnx/model.onnx_data'],
    ])
    const { outputs, placement } = await model.run({
      input_ids: tokens(5, 7),
      attention_mask: tokens(1, 1),
      token_type_ids: tokens(0, 0),
    })
    expect(placement).toMatchObject({ tier: 'device', variant: 'fp32' })
    expect(outputs.last_hidden_state?.shape).toEqual([1, 2, 32])
    expect(Array.from(outputs.last_hidden_state?.data ?? [], Number)).toEqual(hub.rows.flat())
    expect(progress.at(-1)).toBe(1)
  })

  test('batches texts of different lengths', async () => {
    const model = await (await sharedRuntime()).model('hf:owner/embedder@v1')
    const answers = await Promise.all(
      [[5], [7, 5], [5, 7, 5]].map((ids) =>
        model.run({
          input_ids: tokens(...ids),
          attention_mask: tokens(...ids.map(() => 1)),
          token_type_ids: tokens(...ids.map(() => 0)),
        }),
      ),
    )
    expect(answers.map(({ outputs }) => outputs.last_hidden_state?.shape)).toEqual([
      [1, 1, 32],
      [1, 2, 32],
      [1, 3, 32],
    ])
    const [first, second = []] = hub.rows
    expect(Array.from(answers[0]?.outputs.last_hidden_state?.data ?? [], Number)).toEqual(first)
    expect(Array.from(answers[1]?.outputs.last_hidden_state?.data ?? [], Number).slice(0, 32)).toEqual(second)
    expect(answers[0]?.placement.variant).toBe('quantized')
  })

  test('is read with a token if it is private', async () => {
    await expect((await sharedRuntime()).model('hf:owner/private')).rejects.toMatchObject({
      code: 'model_unknown',
      message: expect.stringContaining('HF_TOKEN'),
    })
    const model = await (await withHub({ hub: { endpoint: hub.url, token: hub.token } })).model(
      'hf:owner/private',
    )
    await model.load()
    expect(model.manifest.version).toBe(hub.commits['owner/private'])
  })

  test('that is pinned to a commit and stored does not need the hub again', async () => {
    const source = `hf:owner/external@${hub.commits['owner/external']}`
    await (await (await withHub()).model(source)).load()
    const unreachable = { endpoint: 'http://localhost:1/' }
    const model = await (await withHub({ hub: unreachable })).model(source)
    await model.load()
    await expect(
      (await withHub({ hub: unreachable })).model('hf:owner/embedder@refs/pr/1'),
    ).rejects.toMatchObject({
      code: 'server_unreachable',
    })
  })
})

describe('A decoder on the hub', () => {
  test('batches its steps and reuses a common prefix, which only its graph allows', async () => {
    const model = await (await sharedRuntime()).model('hf:owner/bard')
    expect(model.manifest.generation?.batched).toBeUndefined()
    const ask = (prompt: string) => model.generate({ prompt, maxTokens: 12, temperature: 0 }).result
    const beginning =
      'Once upon a time there was a king who lived in a great castle by the sea, and he had three'
    const alone = [await ask(`${beginning} sons`), await ask(`${beginning} daughters`)]
    // Without shared steps a slot cannot be truncated, and each prompt is prefilled from its start.
    expect(alone.map(({ usage }) => usage.cachedTokens > 0)).toEqual([false, true])
    const together = await Promise.all(['sons', 'daughters'].map((who) => ask(`${beginning} ${who}`)))
    expect(together.map(({ text }) => text)).toEqual(alone.map(({ text }) => text))
    expect(together[0]?.placement).toMatchObject({ tier: 'device', variant: 'q4' })
  })
})

describe('A model in a folder on any host', () => {
  const models = new URL('models/', inject('serverUrl'))

  test('is listed with the hub models that the site points to', async () => {
    const catalogue = await (await withHub({ models })).catalogue()
    expect(catalogue.models.map(({ id }) => id)).toContain('digits')
    expect(catalogue.hub.length).toBeGreaterThan(0)
    await expect((await withHub({ models: new URL('digits/', models) })).catalogue()).rejects.toMatchObject({
      code: 'model_unknown',
    })
  })

  test('is found by its id, without a server tier', async () => {
    const model = await (await withHub({ models })).model('digits')
    const { placement } = await model.run({ image: new Float32Array(784) })
    expect(placement.tier).toBe('device')
  })

  test("is found by its manifest's address", async () => {
    const model = await (await sharedRuntime()).model(new URL('digits/manifest.json', models).href)
    await model.load()
    expect(model.manifest.id).toBe('digits')
  })

  test.each([
    ['cats', 'model_unknown', 'There is no model "cats"'],
    ['hf:../x', 'input_value_invalid', 'hf:owner/name'],
    [new URL('digits/fp32/model.onnx', models).href, 'not_supported', 'spillway pull'],
    [new URL('../', models).href, 'server_response_invalid', 'text/html'],
    ['hf:owner/strange', 'not_supported', 'got FooModel2. Fetch it with "spillway pull"'],
  ])('%s is refused', async (source, code, message) => {
    await expect((await withHub({ models })).model(source)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })
})

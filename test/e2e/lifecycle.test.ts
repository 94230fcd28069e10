import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import type { Page } from 'playwright-core'
import { openPage, runtimeReady } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

let page: Page
let errors: string[]
beforeEach(async () => {
  ;({ page, errors } = await openPage(visit.context, visit.hostUrl))
  await runtimeReady(page)
})
afterEach(() => expect(errors).toEqual([]))

describe('the state of a model', () => {
  test('goes from idle to ready as it loads, and is the same for all callers', async () => {
    const seen = await page.evaluate(async () => {
      spillway.policy = 'server'
      const [model, same] = [await spillway.model('digits'), await spillway.model('digits')]
      const states: string[] = [model.state]
      const heard: string[] = []
      model.addEventListener('statechange', ({ state }) => states.push(state))
      same.addEventListener('statechange', ({ state }) => heard.push(state), { once: true })
      await model.run({ image: new Float32Array(784) })
      states.push(`answered ${model.state}`)
      await model.load()
      return { states, heard, same: same.state }
    })
    expect(seen).toEqual({
      states: ['idle', 'answered idle', 'downloading', 'loading', 'ready'],
      heard: ['downloading'],
      same: 'ready',
    })
  })

  test('is failed where its files do not come, and a later load tries again', async () => {
    visit.proxy.fault = (_method, path) => (path.includes('.onnx') ? 'reset' : 'pass')
    const failed = await page.evaluate(async () => {
      spillway.policy = 'server'
      const model = await spillway.model('digits')
      const code = await model.load().catch(({ code }) => code)
      return [code, model.state, spillway.models()[0]?.state]
    })
    expect(failed).toEqual(['server_unreachable', 'failed', 'failed'])
    visit.proxy.fault = () => 'pass'
    const states = await page.evaluate(async () => {
      const model = await spillway.model('digits')
      const states: string[] = []
      model.addEventListener('statechange', ({ state }) => states.push(state))
      await model.load()
      return states
    })
    expect(states).toEqual(['downloading', 'loading', 'ready'])
  })

  test('is idle again where the only caller left', async () => {
    visit.proxy.fault = (_method, path) => (path.includes('.onnx') ? 'hang' : 'pass')
    const states = await page.evaluate(async () => {
      spillway.policy = 'server'
      const model = await spillway.model('digits')
      const states: string[] = []
      const caller = new AbortController()
      const isIdle = new Promise<void>((resolve) => {
        model.addEventListener('statechange', ({ state }) => {
          states.push(state)
          if (state === 'downloading') caller.abort()
          if (state === 'idle') resolve()
        })
      })
      const code = await model.load({ signal: caller.signal }).catch(({ code }) => code)
      await isIdle
      return [...states, code]
    })
    expect(states).toEqual(['downloading', 'idle', 'aborted'])
  })
})

test('a manifest is asked for while the code that reads it is on its way', async () => {
  visit.proxy.fault = (_method, path) => (path.includes('/assets/manifest-schema') ? 'hang' : 'pass')
  await page.evaluate(() => void spillway.model('digits').catch(() => {}))
  const isAsked = (part: string) => visit.proxy.seen.some(({ path }) => path.includes(part))
  await expect.poll(() => isAsked('/assets/manifest-schema') && isAsked('/digits/manifest.json')).toBe(true)
})

describe('unload()', () => {
  test('waits for running requests, frees the memory, and a later request loads the model again', async () => {
    const seen = await page.evaluate(async () => {
      spillway.policy = 'device'
      const [model, other] = [await spillway.model('digits'), await spillway.model('transactions')]
      const used = () => spillway.stats().device.memory.usedBytes
      const names = () =>
        spillway.models().map(({ manifest, state, loaded }) => `${manifest.id} ${state} ${loaded.length}`)
      const [before, inUse] = [used(), names()]
      const run = () => model.run({ image: new Float32Array(784) })
      const runs = Promise.all(Array.from({ length: 200 }, run))
      await model.unload()
      const answered = (await runs).filter(({ placement }) => placement.tier === 'device').length
      const [after, unloaded, state] = [used(), names(), other.state]
      const { placement } = await run()
      return {
        inUse,
        freed: before > after && after > 0,
        answered,
        unloaded,
        other: state,
        again: placement.tier,
        state: model.state,
      }
    })
    expect(seen).toEqual({
      inUse: ['digits ready 1', 'transactions ready 1'],
      freed: true,
      answered: 200,
      unloaded: ['digits idle 0', 'transactions ready 1'],
      other: 'ready',
      again: 'device',
      state: 'ready',
    })
    expect(visit.proxy.seen.filter(({ path }) => path.endsWith('/infer'))).toEqual([])
  })

  test('lets a text end first, and the next one loads the model again', async () => {
    const seen = await page.evaluate(async () => {
      spillway.policy = 'device'
      const model = await spillway.model('bard')
      const write = () => model.generate({ prompt: 'To be', maxTokens: 24, temperature: 0 })
      const stream = write()
      const pieces: string[] = []
      let unloading: Promise<void> | undefined
      for await (const { text } of stream) {
        pieces.push(text)
        unloading ??= model.unload()
      }
      await unloading
      const { state } = model
      const [first, second] = [await stream.result, await write().result]
      return { state, isSame: first.text === second.text, isMany: pieces.length > 1, now: model.state }
    })
    expect(seen).toEqual({ state: 'idle', isSame: true, isMany: true, now: 'ready' })
  })
})

describe('advise()', () => {
  const downloads = () => visit.proxy.seen.filter(({ path }) => /\.(?:onnx|wasm)/.test(path))

  test('tells before any download where a model will run and what it takes, and later what is left', async () => {
    const before = await page.evaluate(() => spillway.advise('digits'))
    expect(before).toMatchObject({
      tier: 'device',
      reason: 'device-capable',
      explanation: expect.stringContaining('WebAssembly'),
      device: { backend: 'wasm', variant: 'q8', memoryBytes: 3 * 2 ** 20, storedBytes: 0 },
    })
    expect(before.device).not.toHaveProperty('runMs')
    expect(before.device?.downloadBytes).toBeGreaterThan(37_992 + 2e6)
    expect(downloads()).toEqual([])
    expect(await page.evaluate(() => spillway.models())).toEqual([])
    await page.evaluate(async () => (await spillway.model('digits')).load())
    // Measured when the page is quiet; written by the store after the lanes have it.
    await expect
      .poll(() => page.evaluate(async () => (await spillway.advise('digits')).device))
      .toMatchObject({ downloadBytes: 0, runMs: expect.any(Number) })
  })

  test('tells in words why the device cannot run a model', async () => {
    const embed = new URL('embed.js', visit.proxy.url).href
    const content = `import { createRuntime } from '${embed}'
      const small = await createRuntime({ memoryBytes: 2 ** 20 })
      const advices = [await small.advise('digits')]
      small.policy = 'device'
      advices.push(await small.advise('digits'))
      window.advices = advices.map(({ manifest, ...advice }) => ({ ...advice, id: manifest.id }))`
    await page.addScriptTag({ type: 'module', content })
    const advices = await page.waitForFunction(() => Reflect.get(window, 'advices'))
    const why = 'needs 3 MiB of memory for the model; the device has 1 MiB'
    expect(await advices.jsonValue()).toEqual([
      {
        id: 'digits',
        tier: 'server',
        reason: 'model-too-large',
        explanation: `The model ${why}`,
        device: null,
      },
      {
        id: 'digits',
        tier: null,
        explanation: expect.stringContaining('The device cannot run'),
        device: null,
      },
    ])
  })
})

describe('a backend and a variant that the page forces', () => {
  test('run on the device, whatever the policy is', async () => {
    const seen = await page.evaluate(async () => {
      spillway.policy = 'server'
      const model = await spillway.model('digits', { backend: 'wasm', variant: 'fp32' })
      const { placement } = await model.run({ image: new Float32Array(784) })
      const elsewhere = await model
        .run({ image: new Float32Array(784) }, { policy: 'server' })
        .catch(({ code, message }) => `${code} ${message}`)
      const { device } = await spillway.advise('digits', { variant: 'fp32' })
      return { placement, elsewhere, advised: device?.variant }
    })
    expect(seen).toMatchObject({
      placement: { tier: 'device', backend: 'wasm', variant: 'fp32', reason: 'policy' },
      elsewhere: expect.stringContaining('input_value_invalid A model with a forced backend'),
      advised: 'fp32',
    })
  })

  test('are refused where they cannot run', async () => {
    const refused = [
      [
        { variant: 'q1' },
        'input_value_invalid',
        'digits has no variant "q1": expected "q8", "fp16" or "fp32"',
      ],
      [{ variant: 'q8', backend: 'webgpu' }, 'input_value_invalid', 'no variant "q8" for the backend webgpu'],
      [{ backend: 'cpu' }, 'input_value_invalid', 'backend is none of the device'],
      [{ backend: 'webgpu' }, 'capacity_insufficient', 'digits cannot run here as forced (fp16, fp32)'],
    ] as const
    for (const [options, code, message] of refused) {
      const failure = await page.evaluate(
        (options) =>
          spillway
            .model('digits', options as object)
            .then(String, ({ code, message }) => ({ code, message })),
        options,
      )
      expect(failure).toMatchObject({ code, message: expect.stringContaining(message) })
    }
    expect(visit.proxy.seen.filter(({ path }) => path.includes('.onnx'))).toEqual([])
  })
})

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

import '../../web/embed/window-global.ts'
import { describe, expect, test } from 'vitest'
import { openPage, runtimeReady } from '../support/page.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

const isInference = (path: string) => /\/infer$|\/completions$/.test(path)

/** A page whose server accepts every request and never answers it, but for files. */
async function openFrozen() {
  visit.proxy.fault = (_method, path) => (isInference(path) ? 'hang' : 'pass')
  const { page, errors } = await openPage(visit.context, visit.hostUrl)
  await runtimeReady(page)
  return { page, errors }
}

const asked = () => visit.proxy.seen.filter(({ method, path }) => method === 'POST' && isInference(path))

describe('with a server that accepts requests and never answers', () => {
  test('a bridged run is answered by the device when that is ready', async () => {
    const { page, errors } = await openFrozen()
    const answers = await page.evaluate(async () => {
      spillway.policy = 'auto'
      const digits = await spillway.model('digits')
      const image = new Float32Array(784)
      // More than the connections to the server: some wait in the page.
      const runs = await Promise.all(Array.from({ length: 40 }, () => digits.run({ image })))
      const { device, server } = spillway.stats()
      return {
        places: runs.map(({ placement: { tier, reason } }) => `${tier}/${reason}`),
        waiting: device.queued + (server?.queued ?? 0),
      }
    })
    expect(asked().length).toBeGreaterThan(0)
    expect(answers).toEqual({ places: Array.from({ length: 40 }, () => 'device/device-capable'), waiting: 0 })
    expect(errors).toEqual([])
  })

  test('a bridged text is written by the device when that is ready', async () => {
    const { page, errors } = await openFrozen()
    const text = await page.evaluate(async () => {
      spillway.policy = 'auto'
      const bard = await spillway.model('bard')
      const stream = bard.generate({ prompt: 'To be', maxTokens: 5, temperature: 0 })
      const tiers = new Set<string>()
      let tokens = 0
      for await (const piece of stream) {
        tiers.add(piece.placement.tier)
        tokens += piece.tokens.length
      }
      const { usage } = await stream.result
      return { tiers: [...tiers], tokens, generated: usage.generatedTokens }
    })
    expect(asked()).toHaveLength(1)
    expect(text).toEqual({ tiers: ['device'], tokens: 5, generated: 5 })
    expect(errors).toEqual([])
  })

  test('a bridged run that its caller aborts is aborted', async () => {
    const { page } = await openFrozen()
    const code = await page.evaluate(async () => {
      const digits = await spillway.model('digits')
      const caller = new AbortController()
      const run = digits.run({ image: new Float32Array(784) }, { signal: caller.signal })
      caller.abort()
      return run.catch((cause: { code?: string }) => cause.code)
    })
    expect(code).toBe('aborted')
  })
})

import { describe, expect, test } from 'vitest'
import type { Policy } from '../../models/core/index.ts'
import type {} from '../../web/embed/window-global.ts'
import { bardsWithVariants } from '../support/bard-variants.ts'
import { crashWorkers } from '../support/crash-workers.ts'
import { useGuestPage, useSite } from '../support/site.ts'

declare global {
  interface Window {
    /** The page sends nothing more to its workers once a text has begun, until it is called. */
    resumeWorkers: () => void
    tokens: number
  }
}

const request = { prompt: 'To be', maxTokens: 40, temperature: 0.8, seed: 3 }

const site = useSite(async () => {
  const folder = await bardsWithVariants({
    // The device has one variant, and the server prefers another.
    'device-first': [
      { id: 'server', from: 'q8', backends: ['cpu'] },
      { id: 'both', from: 'q4-wasm', backends: ['wasm', 'cpu'] },
    ],
    // The server has one variant, and the device prefers another.
    'server-first': [
      { id: 'device', from: 'q4-wasm', backends: ['wasm'] },
      { id: 'both', from: 'q4-wasm', backends: ['wasm', 'cpu'] },
    ],
  })
  return { SPILLWAY_MODELS: folder }
})
const guest = useGuestPage(site)

/** Writes a text. Resolves to the places of its pieces, and the text. */
const write = (model: string, policy: Policy, holds = false) =>
  guest.page.evaluate(
    async ({ request, id, policy, holds }) => {
      window.tokens = 0
      const { prototype } = Worker
      const { postMessage } = prototype
      const held: (() => void)[] = []
      window.resumeWorkers = () => {
        prototype.postMessage = postMessage
        for (const go of held) go()
      }
      const model = await window.spillway.model(id)
      const stream = model.generate(request, { policy })
      const places = new Set<string>()
      for await (const { placement, tokens } of stream) {
        window.tokens += tokens.length
        places.add(`${placement.tier}/${placement.variant}`)
        if (holds && held.length === 0)
          prototype.postMessage = function (...message: unknown[]) {
            held.push(() => Reflect.apply(postMessage, this, message))
          }
      }
      return { places: [...places], text: (await stream.result).text }
    },
    { request, id: model, policy, holds },
  )

const begun = () => guest.page.waitForFunction(() => window.tokens > 0, undefined, { polling: 5 })

describe('a text that moves goes on with the variant that began it', () => {
  test('from the device to the server, which runs another by default', async () => {
    const writing = write('device-first', 'prefer-device', true)
    await begun()
    await guest.page.evaluate(() => {
      const refuse = () => {
        throw new Error('The test allows no more workers')
      }
      Object.assign(window, { Worker: refuse })
    })
    await crashWorkers(guest.page)
    await guest.page.evaluate(() => window.resumeWorkers())
    expect((await writing).places).toEqual(['device/both', 'server/both'])
  })

  test('from the server to the device, which runs another by default', async () => {
    guest.proxy.fault = (_method, path) => (path.startsWith('/v1/') ? 'half' : 'pass')
    const writing = write('server-first', 'prefer-server')
    await begun()
    guest.proxy.fault = (_method, path) => (path.startsWith('/v1/') ? 'reset' : 'pass')
    guest.proxy.cut()
    expect((await writing).places).toEqual(['server/both', 'device/both'])
    expect((await write('server-first', 'device')).places).toEqual(['device/device'])
  })
})

describe('preferred_variant of the OpenAI API', () => {
  const complete = async (preferred_variant?: string) => {
    const response = await fetch(new URL('v1/completions', site.server.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'device-first',
        prompt: 'To be',
        max_tokens: 3,
        seed: 1,
        preferred_variant,
      }),
    })
    return ((await response.json()) as { system_fingerprint: string }).system_fingerprint
  }

  test('is taken where the server has it, and the answer says which variant ran', async () => {
    expect([await complete(), await complete('both'), await complete('unknown')]).toEqual([
      'server/cpu',
      'both/cpu',
      'server/cpu',
    ])
  })
})

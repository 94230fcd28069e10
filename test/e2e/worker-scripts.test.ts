import { describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { openHtml } from '../support/html-page.ts'
import { openPage, runtimeReady } from '../support/page.ts'
import { failDigits, runDigits } from '../support/run-digits.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

/** A page of another origin with such a content security policy. */
async function openWithPolicy(policy: string) {
  const { origin, href } = new URL('embed.js', site.server.url)
  const headers = {
    'content-security-policy': `script-src 'wasm-unsafe-eval' ${origin}; connect-src ${origin}; ${policy.replace('SERVER', origin)}`,
  }
  const body = `<!doctype html><title>Guest</title><script type="module" src="${href}"></script>`
  const { page } = await openHtml(visit.context, { '/': { body, headers } })
  await runtimeReady(page)
  return { page, origin }
}

describe('a page whose content security policy forbids workers from blobs', () => {
  test('is told to allow them, and the server answers where it may', async () => {
    const { page, origin } = await openWithPolicy('worker-src SERVER')
    const failure = await failDigits(page, { policy: 'device' })
    expect(failure.code).toBe('lane_failed')
    expect(failure.message).toContain(`needs "worker-src blob: ${origin}"`)
    expect(failure.message).toContain(`its script ${origin}/assets/`)
    expect((await runDigits(page, { policy: 'auto' })).placement.tier).toBe('server')
  })

  test('runs models on the device once it allows them', async () => {
    const { page } = await openWithPolicy('worker-src SERVER blob:')
    expect((await runDigits(page, { policy: 'device' })).placement.tier).toBe('device')
  })
})

describe('a worker’s script that does not load', () => {
  test.each([
    ['of a page of its own origin', true, 'a bundler to leave it a file of its own'],
    ['of a page of another origin', false, 'worker-src blob:'],
  ])('is named %s, with what to set', async (_name, isOwn, hint) => {
    visit.proxy.fault = (_method, path) => (/\/assets\/(?:store-)?entry-/.test(path) ? 'reset' : 'pass')
    const { page } = await openPage(
      visit.context,
      isOwn ? new URL('vision.html', visit.proxy.url) : visit.hostUrl,
    )
    if (isOwn) await page.addScriptTag({ type: 'module', url: '/embed.js' })
    await runtimeReady(page)
    const failure = await failDigits(page, { policy: 'device' })
    expect(failure.code).toBe('lane_failed')
    expect(failure.message).toMatch(/its script http:\S+\/assets\/(?:store-)?entry-\S+\.js did not load/)
    expect(failure.message).toContain(hint)
  })
})

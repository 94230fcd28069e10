import '../../web/elements/define.ts'
import { expect } from 'vitest'
import { filesKept, noFaults, runDigits, type Scene, visit, visitAgain } from './scene.ts'

/** Where pages are: what they embed, how their windows store, and whether there is a network. */
export const placeCases = {
  embed: async ({ page, guests }: Scene) => {
    await visit(page, new URL('isolated', guests))
    expect(await runDigits(page)).toMatchObject({ digit: 1, tier: 'device' })
    const seen = await page.evaluate(async () => {
      const { threads } = (await spillway.capacity()).wasm
      const mayShare = 'SharedArrayBuffer' in globalThis && navigator.hardwareConcurrency > 2
      return { isIsolated: crossOriginIsolated, isShared: threads > 1, mayShare }
    })
    expect(seen).toEqual({ isIsolated: true, isShared: seen.mayShare, mayShare: seen.mayShare })
    await noFaults(page)
  },

  'sandboxed frame': async ({ page, guests }: Scene) => {
    await page.goto(new URL('sandboxed', guests))
    await expect
      .poll(() => page.evaluate(() => globalThis.frameAnswers))
      .toEqual([{ digit: 1, tier: 'device', isKept: false, origin: 'null' }])
  },

  elements: async ({ page, guests }: Scene) => {
    await page.goto(new URL('elements', guests))
    const box = () =>
      page.evaluate(() => {
        const pad = document.querySelector('spillway-classify')?.shadowRoot?.querySelector('.pad')
        pad?.scrollIntoView({ block: 'center' })
        const { x = 0, y = 0, width = 0, height = 0 } = pad?.getBoundingClientRect() ?? {}
        return { x, y, width, height }
      })
    await expect.poll(async () => (await box()).height).toBeGreaterThan(50)
    const { x, y, width, height } = await box()
    const stroke = Array.from({ length: 13 }, (_, step) => ({
      x: Math.round(x + width / 2),
      y: Math.round(y + height * (0.2 + step * 0.05)),
    }))
    await page.drag(stroke)
    const label = () => page.evaluate(() => document.querySelector('spillway-classify')?.value ?? '')
    await expect.poll(label).toBe('1')
    await page.evaluate(() => document.querySelector('spillway-chat')?.send('To be, or not'))
    const written = () =>
      page.evaluate(() => {
        const inside = document.querySelector('spillway-chat')?.shadowRoot
        return (inside?.querySelector('.run')?.textContent ?? '').length
      })
    await expect.poll(written).toBeGreaterThan(0)
    await page.evaluate(() => document.querySelector('spillway-chat')?.stop())
    const messages = () =>
      page.evaluate(() => document.querySelector('spillway-chat')?.messages.map(({ role }) => role) ?? [])
    await expect.poll(messages).toEqual(['user', 'assistant'])
    const answered = () =>
      page.evaluate(() => {
        const strip = document.querySelector('spillway-status')?.shadowRoot?.querySelector('.strip')
        return strip instanceof HTMLElement ? Number(strip.dataset.device) + Number(strip.dataset.server) : 0
      })
    await expect.poll(answered).toBeGreaterThan(1)
    await noFaults(page)
  },

  'private window': async ({ open, guests }: Scene) => {
    const window = await open('private')
    await visit(window, guests)
    expect(await runDigits(window)).toMatchObject({ digit: 1, tier: 'device' })
    await visitAgain(window)
    const kept = () => window.evaluate(async () => (await spillway.storage.list()).map(({ id }) => id))
    await expect.poll(kept).toEqual(['digits'])
    await noFaults(window)
  },

  'blocked storage': async ({ open, guests }: Scene) => {
    const window = await open('blocked')
    await visit(window, guests)
    const isBlocked = await window.evaluate(
      () =>
        new Promise<boolean>((resolve) => {
          try {
            const opening = indexedDB.open('probe')
            opening.onsuccess = () => resolve(false)
            opening.onerror = () => resolve(true)
          } catch {
            resolve(true)
          }
        }),
    )
    expect(isBlocked).toBe(true)
    const { digit, tier, progress } = await runDigits(window)
    expect({ digit, tier }).toEqual({ digit: 1, tier: 'device' })
    expect(progress).toMatchObject({ storedBytes: 0, isKept: false })
    await noFaults(window)
  },

  'offline reload': async ({ page, proxy }: Scene) => {
    await visit(page, new URL('vision.html', proxy.url))
    await page.evaluate(async () => (await spillway.model('digits')).load())
    await expect.poll(() => filesKept(page)).toBe(2)
    const hasManifest = () =>
      page.evaluate(async () => {
        await navigator.serviceWorker.ready
        return (await caches.match('./models/digits/manifest.json')) !== undefined
      })
    await expect.poll(hasManifest).toBe(true)
    await proxy.stop()
    await visitAgain(page)
    const result = () =>
      page.evaluate(() => {
        const find = (id: string) => document.querySelector<HTMLElement>(`[data-testid=${id}]`)
        const read = find('result')?.textContent?.trim()
        // The page takes clicks once it has started.
        if (read !== '7') find('sample-7')?.click()
        return { read, isFromWorker: navigator.serviceWorker.controller !== null, crossOriginIsolated }
      })
    await expect.poll(result).toEqual({ read: '7', isFromWorker: true, crossOriginIsolated: true })
    const placement = await page.evaluate(
      () => document.querySelector<HTMLElement>('[data-testid=placement]')?.dataset.tier,
    )
    expect(placement).toBe('device')
  },
}

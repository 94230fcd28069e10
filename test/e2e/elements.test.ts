import { describe, expect, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { accessibilityFaults } from '../support/accessibility.ts'
import { drawOne, dropPicture, handPicture, labelOf, pictureOfOne } from '../support/classify-element.ts'
import { block, readDocument } from '../support/documents.ts'
import { firstResult, useElementPages } from '../support/element-pages.ts'
import { launchBrowser } from '../support/page.ts'
import { useSite } from '../support/site.ts'

const site = useSite()
const { context, open, script, strict } = useElementPages(site)

describe('a page of another origin with nothing but tags, under a strict policy', () => {
  test('draws, chats, searches and shows where, with one runtime', async () => {
    const guide = await readDocument('web/elements/README.md')
    const tags = block(guide, 'html', 'elements.js') + block(guide, 'html', 'placeholder')
    const body = tags.replace(
      'http://localhost:8080/elements.js',
      new URL('elements.js', site.server.url).href,
    )
    const { page, said, errors } = await open(body, strict())
    await page.locator('spillway-classify .pad').waitFor()
    await drawOne(page)
    await expect.poll(() => labelOf(page)).toBe('1')
    expect(await page.locator('spillway-classify .row').count()).toBe(3)
    await page.locator('spillway-chat textarea').fill('To be, or not')
    await page.locator('spillway-chat textarea').press('Enter')
    await page.locator('spillway-chat button', { hasText: 'Stop' }).waitFor()
    await page.locator('spillway-chat .run').first().waitFor()
    await page.evaluate(() => document.querySelector('spillway-chat')?.stop())
    await page.locator('spillway-chat button', { hasText: 'Send' }).waitFor()
    const messages = await page.evaluate(() => document.querySelector('spillway-chat')?.messages)
    expect(messages?.map(({ role }) => role)).toEqual(['user', 'assistant'])
    expect(messages?.[1]?.content.length).toBeGreaterThan(0)
    // More than half of what the model reads.
    const long = 'The king went to the castle. '.repeat(60)
    await page.evaluate((text) => document.querySelector('spillway-chat')?.send(text), long)
    await expect
      .poll(() => page.locator('spillway-chat .place').last().textContent())
      .toContain('without the 2 oldest messages')
    const passages = page.locator('spillway-search > p:visible')
    expect(await passages.count()).toBe(2)
    await page.locator('spillway-search input[type=search]').fill('sailors at sea')
    await expect
      .poll(() => passages.allTextContents())
      .toContainEqual(expect.stringContaining('sailors sang'))
    await expect.poll(() => firstResult(page)).toContain('The ship sailed')
    const answered = () =>
      page
        .locator('spillway-status .strip')
        .evaluate(({ dataset }) => Number(dataset.device) + Number(dataset.server))
    await expect.poll(answered).toBeGreaterThan(1)
    expect(await page.evaluate(() => [violations, codes])).toEqual([[], []])
    expect([...said, ...errors]).toEqual([])
  })

  test('says what its Trusted Types lack', async () => {
    const { page } = await open(
      `<spillway-classify></spillway-classify>${script('elements.js')}`,
      strict('spillway'),
    )
    await expect.poll(() => page.evaluate(() => codes)).toEqual(['not_supported'])
    expect(
      await page.locator('spillway-classify').evaluate(({ shadowRoot }) => shadowRoot?.textContent),
    ).toContain('trusted-types spillway lit-html')
  })
})

describe('the code of the elements', () => {
  test('comes with the first element: the script alone loads no runtime', async () => {
    const { page, requests } = await open(script('elements.js', 'data-policy="device"'))
    await page.waitForFunction(() => customElements.get('spillway-chat'))
    expect(requests.filter((path) => path.endsWith('embed.js') || path.includes('runtime'))).toEqual([])
    // The script, the elements' shells, and the class of errors.
    expect(requests.filter((path) => path.endsWith('.js'))).toHaveLength(3)
    await page.evaluate(() => {
      const element = document.createElement('spillway-classify')
      document.body.append(element)
    })
    await page.locator('spillway-classify .pad').waitFor()
    await page.waitForFunction(() => 'spillway' in window)
    expect(await page.evaluate(() => spillway.policy)).toBe('device')
  })

  test('is not fetched by the embed script until the document has an element, which keeps its properties', async () => {
    const { page, requests } = await open(script('embed.js'))
    await page.waitForFunction(() => 'spillway' in window)
    await page.evaluate(() => document.body.append(document.createElement('p')))
    expect(await page.evaluate(() => customElements.get('spillway-classify') === undefined)).toBe(true)
    expect(requests.filter((path) => path.includes('define'))).toEqual([])
    await page.evaluate(() => {
      const element = Object.assign(document.createElement('spillway-classify'), { policy: 'server' })
      const within = document.createElement('section')
      within.append(element)
      document.body.append(within)
    })
    await page.locator('spillway-classify .pad').waitFor()
    expect(await page.locator('spillway-classify').getAttribute('policy')).toBe('server')
    await drawOne(page)
    await page.locator('spillway-classify .place[data-tier=server]').waitFor()
  })
})

describe('<spillway-classify>', () => {
  test('is a control of its form: required, sent, disabled and reset', async () => {
    const form = block(await readDocument('web/elements/README.md'), 'html', 'required')
    const { page, said } = await open(`${form}${script('elements.js')}`)
    await page.locator('spillway-classify .pad').waitFor()
    const sent = () =>
      page.evaluate(() => {
        const form = document.querySelector('form')
        return form && [form.checkValidity(), new FormData(form).get('digit')]
      })
    expect(await sent()).toEqual([false, null])
    await drawOne(page)
    await expect.poll(sent).toEqual([true, '1'])
    await expect.poll(() => said.at(-1)).toMatch(/^log: 1 (device|server)$/)
    // One that is moved within the page stays as it is.
    await page.evaluate(() =>
      document.querySelector('form')?.append(...document.querySelectorAll('spillway-classify')),
    )
    expect(await sent()).toEqual([true, '1'])
    await page.evaluate(() => document.querySelector('form')?.reset())
    await expect.poll(sent).toEqual([false, null])
    await page.locator('spillway-classify').evaluate((element) => element.toggleAttribute('disabled', true))
    await drawOne(page)
    expect(await sent()).toEqual([true, null])
  })

  test('reads pictures by file, drop and of 50 megapixels, and refuses what is none', async () => {
    const { page } = await open(`<spillway-classify></spillway-classify>${script('elements.js')}`)
    const input = page.locator('spillway-classify input[type=file]')
    await input.waitFor({ state: 'attached' })
    await input.setInputFiles({ name: 'one.png', mimeType: 'image/png', buffer: pictureOfOne(90, 120) })
    await expect.poll(() => labelOf(page)).toBe('1')
    await input.setInputFiles({ name: 'one.png', mimeType: 'image/png', buffer: Buffer.from('no picture') })
    const error = page.locator('spillway-classify .error')
    await error.waitFor()
    expect(await error.textContent()).toContain('The file is no picture')
    expect(await page.evaluate(() => codes)).toEqual(['input_value_invalid'])
    await handPicture(page, pictureOfOne(80, 63, 100), 'image/png')
    await expect.poll(() => labelOf(page)).toBe('1')
    await error.waitFor({ state: 'detached' })
    await page.locator('spillway-classify button', { hasText: 'Clear' }).click()
    await expect.poll(() => labelOf(page)).toBe('')
    await dropPicture(page, pictureOfOne(60, 60))
    await expect.poll(() => labelOf(page)).toBe('1')
  })

  test('says that a camera is refused, and that one has gone; shows no answer for it then', async () => {
    const { page } = await open(`<spillway-classify></spillway-classify>${script('elements.js')}`)
    await page.locator('spillway-classify button', { hasText: 'Camera' }).click()
    await page.locator('spillway-classify .error').waitFor()
    expect(await page.evaluate(() => codes)).toEqual([expect.stringMatching(/access_denied|not_supported/)])
    const browser = await launchBrowser([
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
    ])
    try {
      const withCamera = await open(
        `<spillway-classify></spillway-classify>${script('elements.js')}`,
        undefined,
        await browser.newContext(),
      )
      const results = await withCamera.page.evaluateHandle(() => {
        const results: unknown[] = []
        document
          .querySelector('spillway-classify')
          ?.addEventListener('result', ({ detail }) => results.push(detail))
        return results
      })
      await withCamera.page.locator('spillway-classify button', { hasText: 'Camera' }).click()
      await expect.poll(() => results.evaluate(({ length }) => length)).toBeGreaterThan(1)
      await withCamera.page.locator('spillway-classify video').evaluate((video: HTMLVideoElement) => {
        const [track] = video.srcObject instanceof MediaStream ? video.srcObject.getTracks() : []
        track?.dispatchEvent(new Event('ended'))
      })
      await withCamera.page.locator('spillway-classify .error', { hasText: 'The camera has gone' }).waitFor()
      expect(await labelOf(withCamera.page)).toBe('')
    } finally {
      await browser.close()
    }
  })
})

describe('attributes and models that are wrong', () => {
  test('are said on the element and by its event, and mended by another value', async () => {
    const { page, errors } = await open(
      `<spillway-classify policy="cloud"></spillway-classify><spillway-chat max-tokens="many"></spillway-chat>${script('elements.js')}`,
    )
    const faults = page.locator('.error')
    await expect.poll(() => faults.count()).toBe(2)
    expect(await faults.first().textContent()).toContain(
      'The attribute "policy" of <spillway-classify> is invalid',
    )
    expect(await faults.last().textContent()).toContain('a whole number from 1 to 1000000')
    expect(await page.evaluate(() => codes)).toEqual(['input_value_invalid', 'input_value_invalid'])
    await page.evaluate(() => {
      document.querySelector('spillway-classify')?.setAttribute('policy', 'auto')
      document.querySelector('spillway-chat')?.setAttribute('max-tokens', '8')
    })
    await expect.poll(() => faults.count()).toBe(0)
    await page.evaluate(() => {
      for (const element of document.querySelectorAll('spillway-classify, spillway-chat'))
        element.setAttribute('model', 'nothing')
    })
    await expect.poll(() => faults.count()).toBe(2)
    expect(await faults.first().textContent()).toMatch(/does not have this model\.\s+model_unknown/)
    expect(errors).toEqual([])
  })
})

describe('fifty elements', () => {
  test('share one runtime, are removed while they run without an error, and are collected', async () => {
    const { page, errors } = await open(script('elements.js'))
    await page.waitForFunction(() => customElements.get('spillway-chat'))
    await page.evaluate(() => {
      const kinds = ['spillway-classify', 'spillway-chat', 'spillway-status', 'spillway-search'] as const
      const elements = Array.from({ length: 50 }, (_, index) =>
        document.createElement(kinds[index % 4] ?? 'spillway-status'),
      )
      document.querySelector('main')?.append(...elements)
      // Before their code is here.
      for (const chat of document.querySelectorAll('spillway-chat')) chat.send('To be')
      for (const search of document.querySelectorAll('spillway-search')) {
        search.texts = Array.from({ length: 300 }, (_, index) => `The fox of wood ${index}`)
        search.query = 'a fox'
      }
    })
    await expect.poll(() => page.locator('.pad, .log, .strip, .results').count()).toBe(50)
    await page.locator('spillway-chat .run').first().waitFor()
    expect(await page.evaluate(() => spillway.models().length)).toBe(3)
    const left = await page.evaluateHandle(() => {
      const elements = [
        ...document.querySelectorAll('spillway-classify, spillway-chat, spillway-status, spillway-search'),
      ]
      const references = elements.map((element) => new WeakRef(element))
      for (const element of elements) element.remove()
      return references
    })
    const session = await context().newCDPSession(page)
    await expect
      .poll(async () => {
        await session.send('HeapProfiler.collectGarbage')
        return left.evaluate((references) => references.filter((reference) => reference.deref()).length)
      })
      .toBe(0)
    expect(errors).toEqual([])
    expect(await page.evaluate(() => codes)).toEqual([])
  })
})

describe('the looks of the elements', () => {
  test('are not those of the page, and the other way round; axe finds no fault; they fit 320 pixels', async () => {
    const styles = `<style>* { color: rgb(255, 0, 0) !important; font-size: 40px !important; text-transform: uppercase } .pad { display: none !important } h1 { color: rgb(0, 0, 255) !important }</style>`
    const { page } = await open(
      `<spillway-status></spillway-status><spillway-classify></spillway-classify><spillway-chat></spillway-chat><spillway-search files selectable><p>The cat vanished.</p><p>A ship at sea</p></spillway-search>${script('elements.js')}`,
    )
    await page.setViewportSize({ width: 320, height: 700 })
    await page.locator('spillway-classify .pad').waitFor()
    const looks = () =>
      page.locator('spillway-classify .pad').evaluate((pad) => {
        const { color, fontSize, textTransform, display } = getComputedStyle(pad)
        return { color, fontSize, textTransform, display }
      })
    const before = await looks()
    await page.evaluate((html) => document.head.insertAdjacentHTML('beforeend', html), styles)
    expect(await looks()).toEqual(before)
    expect(await page.locator('h1').evaluate((element) => getComputedStyle(element).color)).toBe(
      'rgb(0, 0, 255)',
    )
    await page.evaluate(() => document.querySelector('style')?.remove())
    await drawOne(page)
    await expect.poll(() => labelOf(page)).toBe('1')
    await page.evaluate(() => document.querySelector('spillway-chat')?.send('To be'))
    await page.locator('spillway-chat .run').first().waitFor()
    await page.locator('spillway-search input[type=search]').fill('sailors')
    await expect.poll(() => firstResult(page)).toContain('A ship')
    await page.evaluate(() => {
      const wrong = document.createElement('spillway-classify')
      wrong.setAttribute('top', '0')
      document.querySelector('main')?.append(wrong)
      const style = document.createElement('style')
      style.textContent = ':root { color-scheme: light dark; background: Canvas }'
      document.head.append(style)
    })
    await page.locator('.error').waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320)
    expect(await accessibilityFaults(page)).toEqual([])
  })
})

import type { Locator, Page } from 'playwright-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { accessibilityFaults } from '../support/accessibility.ts'
import { startHub } from '../support/hub.ts'
import { openPage } from '../support/page.ts'
import { routeHub } from '../support/route-hub.ts'
import { sentenceTransformer } from '../support/sentence-transformer.ts'
import { useSite, useVisit } from '../support/site.ts'

const site = useSite()
const visit = useVisit(site)

const open = () => openPage(visit.context, new URL('search.html', visit.proxy.url))

const hasRead = (page: Page) =>
  expect.poll(() => page.getByTestId('reading').textContent()).toMatch(/^(\d+) of \1 passages read in/)

/** Drops a file on an element. */
const dropFile = (field: Locator, bytes: readonly number[]) =>
  field.evaluate((element, bytes) => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([Uint8Array.from(bytes)], 'own'))
    element.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
  }, bytes)

const results = (page: Page) => page.getByTestId('results').locator('li')

describe('the search page', () => {
  test('ranks the book by what is typed, without its server, fits every window, and does not read the book again at the next visit; the lab removes what is kept', async () => {
    visit.proxy.fault = (_method, path) => (path.startsWith('/models/passages/') ? 'half' : 'pass')
    const { page, errors } = await open()
    // What was found on another day is shown, and said to be, until something is found here.
    await expect.poll(() => page.getByTestId('results-note').textContent()).toMatch(/^Recorded.+“t/)
    expect(await results(page).count()).toBe(8)
    expect(await results(page).first().getByRole('button').isDisabled()).toBe(true)
    visit.proxy.release()
    await hasRead(page)
    await expect.poll(() => page.getByTestId('results-note').textContent()).toBe('Nearest to passage 1')
    expect(await page.getByTestId('reading').textContent()).toMatch(/, and kept for the next visit$/)
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
      expect(await accessibilityFaults(page)).toEqual([])
    }

    visit.proxy.fault = () => 'reset'
    visit.proxy.cut()
    await page.getByTestId('query').fill('the cat grinned and vanished')
    await expect.poll(() => results(page).first().textContent()).toContain('Cat')
    expect(await results(page).count()).toBe(8)
    const marked = await results(page).locator('mark').allTextContents()
    expect(marked.map((word) => word.toLowerCase())).toContain('cat')
    expect(marked.map((word) => word.toLowerCase())).not.toContain('the')
    // The strip counts what was embedded, each passage by a request of its own.
    const answered = page.getByTestId('spillway')
    await expect.poll(() => answered.evaluate(({ dataset }) => Number(dataset.device))).toBeGreaterThan(300)
    const third = await results(page).nth(2).getAttribute('data-passage')
    await results(page).nth(2).getByRole('button').click()
    await expect.poll(() => results(page).first().getAttribute('data-passage')).toBe(third)
    const shared = await page.getByTestId('figures').evaluate(({ dataset }) => Number(dataset.shared))
    expect(shared).toBeGreaterThan(1)
    visit.proxy.fault = () => 'pass'

    await page.reload()
    await hasRead(page)
    expect(await page.getByTestId('reading').textContent()).toMatch(/, as an earlier visit kept them$/)
    // The first passage alone, which shows what variant reads.
    await expect.poll(() => answered.evaluate(({ dataset }) => dataset.device)).toBe('1')
    await page.getByTestId('query').fill('the cat grinned and vanished')
    await expect.poll(() => results(page).first().textContent()).toContain('Cat')
    await page.goto(new URL('lab.html', visit.proxy.url).href)
    const stored = page.getByTestId('stored')
    await expect.poll(() => stored.textContent()).toMatch(/vectors of passages q8, of \d{3} texts, 1\d\d kB/)
    await stored.getByRole('button', { name: 'Remove vectors of passages' }).click()
    await expect.poll(() => stored.textContent()).not.toContain('vectors')
    expect(await page.getByTestId('announcements').textContent()).toMatch(
      /^vectors of passages removed, 1\d\d kB freed$/,
    )
    expect(errors).toEqual([])
  })

  test('searches a text of the visitor, keeps nothing of it, and refuses a file that is no text', async () => {
    const { page } = await open()
    await page.getByText('Search a text of your own').click()
    await page.getByTestId('own').fill('The ship sailed over the sea. The queen sat on her throne.')
    await page.getByTestId('own').blur()
    await expect.poll(() => page.getByTestId('reading').textContent()).toMatch(/^1 of 1 passages/)
    await page.getByTestId('query').fill('sailors')
    await expect.poll(() => results(page).allTextContents()).toEqual([expect.stringContaining('The ship')])
    await dropFile(page.getByTestId('own'), [0xff, 0, 0x80, 1])
    await expect.poll(() => page.getByTestId('error').textContent()).toContain('The file is no text')
    await dropFile(page.getByTestId('own'), [...new TextEncoder().encode('A fox – in the wood.')])
    await expect.poll(() => results(page).allTextContents()).toEqual([expect.stringContaining('A fox – in')])
    expect(await page.getByTestId('error').isHidden()).toBe(true)
  })

  test('reads with a model of the hub after one click, which says what it takes', async () => {
    const { repository } = sentenceTransformer({ words: 300, width: 32, heads: 4, layers: 1, context: 64 })
    const hub = await startHub({
      'Xenova/all-MiniLM-L6-v2': {
        ...repository,
        revisions: ['751bff37182d3f1213fa05d7196b954e230abad9'],
      },
    })
    onTestFinished(() => hub.stop())
    await routeHub(visit.context, hub)
    const { page, errors } = await open()
    await hasRead(page)
    await page.getByRole('button', { name: 'all-MiniLM' }).click()
    await page.getByTestId('hub-get').waitFor()
    expect(await page.getByTestId('hub-facts').textContent()).toMatch(
      /runs here.+ to download.+License: apache-2.0/,
    )
    await page.getByTestId('hub-get').click()
    await expect
      .poll(() => page.locator('#model-about').textContent())
      .toContain('all-MiniLM-L6-v2 reads now')
    expect(await accessibilityFaults(page)).toEqual([])
    await hasRead(page)
    await page.getByTestId('query').fill('the cat')
    await expect.poll(() => results(page).count()).toBe(8)
    expect(errors).toEqual([])
  })
})

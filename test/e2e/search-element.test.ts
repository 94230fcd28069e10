import { describe, expect, test } from 'vitest'
import { firstResult, useElementPages } from '../support/element-pages.ts'
import { useSite } from '../support/site.ts'

const site = useSite()
const { open, script } = useElementPages(site)

describe('<spillway-search>', () => {
  test('ranks texts, finds more like one, and is a control of its form', async () => {
    const { page, errors } = await open(
      `<form><spillway-search name="passage" selectable required top="2" policy="device">
        <p data-value="cat">The cat grinned and vanished, all but its tail.</p>
        <p data-value="ship">The ship sailed over the sea with the sailors.</p>
        <p slot="before-results">Before</p>
      </spillway-search></form>${script('elements.js')}`,
    )
    const heard = await page.evaluateHandle(() => {
      const heard: string[] = []
      const search = document.querySelector('spillway-search')
      search?.addEventListener('select', ({ detail }) => heard.push(detail.value))
      search?.addEventListener('results', ({ detail }) => heard.push(detail.map(({ index }) => index).join()))
      return heard
    })
    const sent = () =>
      page.evaluate(() => {
        const form = document.querySelector('form')
        return form && [form.checkValidity(), new FormData(form).get('passage')]
      })
    const input = page.locator('spillway-search input[type=search]')
    await input.fill('sailors')
    await expect.poll(() => firstResult(page)).toContain('The ship sailed')
    expect(await sent()).toEqual([false, null])
    await page.locator('spillway-search .result').first().getByRole('button', { name: 'Choose' }).click()
    expect(await sent()).toEqual([true, 'ship'])
    expect((await heard.jsonValue()).slice(-2)).toEqual(['1,0', 'ship'])
    await page.locator('spillway-search .result').last().getByRole('button', { name: 'More like' }).click()
    await expect.poll(() => firstResult(page)).toContain('The cat grinned')
    expect(await input.inputValue()).toBe('')
    // Moved within the page, and with another passage, it searches on.
    await page.evaluate(() => {
      const [search] = document.querySelectorAll('spillway-search')
      search?.insertAdjacentHTML('beforeend', '<p>The queen shouted at the king on her throne.</p>')
      if (search) document.querySelector('form')?.append(search)
    })
    expect(await sent()).toEqual([true, 'ship'])
    await input.fill('the king and his queen')
    await expect.poll(() => firstResult(page)).toContain('The queen shouted')
    await page.evaluate(() => {
      const [search] = document.querySelectorAll('spillway-search')
      if (search) search.texts = ['A fox in the wood.', ` ${'the wolf ran '.repeat(2_000)}`]
    })
    await page.locator('spillway-search .loading', { hasText: '1 long passage can be found' }).waitFor()
    expect(await sent()).toEqual([false, null])
    await input.fill('a fox')
    await expect.poll(() => firstResult(page)).toContain('A fox in')
    expect(await page.locator('spillway-search mark').allTextContents()).toEqual(['fox'])
    await page.locator('spillway-search .place[data-tier=device]').waitFor()
    await page.evaluate(() => document.querySelector('form')?.reset())
    expect(await input.inputValue()).toBe('')
    // Taken away it leaves its passages as they were, and begins anew where it comes back.
    const slots = await page.evaluate(async () => {
      const [search] = document.querySelectorAll('spillway-search')
      if (!search) return []
      search.texts = null
      search.remove()
      await new Promise((resolve) => setTimeout(resolve))
      const slots = [...search.children].map(({ slot }) => slot)
      document.querySelector('form')?.append(search)
      return slots
    })
    expect(slots).toEqual(['', '', 'before-results', ''])
    await input.fill('sailors')
    await expect.poll(() => firstResult(page)).toContain('The ship sailed')
    expect(await page.evaluate(() => codes)).toEqual([])
    expect(errors).toEqual([])
  })

  test('searches a text at an address and a file, and refuses what is no text or too large', async () => {
    const { page, errors } = await open(
      `<spillway-search files max-texts="12"></spillway-search>${script('elements.js')}`,
    )
    const input = page.locator('spillway-search input[type=search]')
    await page.locator('spillway-search', { hasText: 'drop it here' }).waitFor()
    const drop = (bytes: readonly number[]) =>
      page.locator('spillway-search .frame').evaluate((frame, bytes) => {
        const dataTransfer = new DataTransfer()
        dataTransfer.items.add(new File([Uint8Array.from(bytes)], 'own.txt', { type: 'text/plain' }))
        frame.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
      }, bytes)
    await drop([...new TextEncoder().encode('The ship sailed over the sea. The queen sat there.')])
    await expect.poll(() => firstResult(page)).toContain('The ship sailed')
    const error = page.locator('spillway-search .error')
    await drop([0xff, 0x00, 0x80])
    await expect.poll(() => error.textContent()).toContain('The file is no text')
    await drop(Array.from({ length: 5_000 }, () => 65))
    await expect.poll(() => error.textContent()).toContain('The file is too large to search here')
    await drop([...new TextEncoder().encode(`${'word '.repeat(60)}. `.repeat(13))])
    await expect.poll(() => error.textContent()).toContain('There are more passages than are searched here')
    expect(await firstResult(page)).toContain('The ship sailed')
    await input.fill('the sea')
    await error.waitFor({ state: 'detached' })
    expect(await page.evaluate(() => codes)).toEqual(Array(3).fill('input_value_invalid'))
    await page.getByRole('button', { name: 'Choose a text file' }).waitFor()
    const setSource = (src: string) =>
      page.locator('spillway-search').evaluate((element, src) => element.setAttribute('src', src), src)
    await setSource('missing.txt')
    await expect.poll(() => error.textContent()).toContain('The attribute "src" of <spillway-search>')
    await setSource(`data:text/plain,${encodeURIComponent('The wolf ran into the wood.')}`)
    await input.fill('a wolf')
    await expect.poll(() => firstResult(page)).toBe('The wolf ran into the wood.')
    expect(await error.count()).toBe(0)
    expect(errors).toEqual([])
  })
})

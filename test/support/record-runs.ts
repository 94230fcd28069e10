/**
 * Records the runs that pages play before a visitor's own, from real ones on this machine, into `web/app/recorded`: all, or
 * those of the pages that are named.
 */
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { samples } from '../../web/app/samples.ts'
import { launchBrowser, runtimeReady } from './page.ts'
import { startServer } from './server.ts'

const server = await startServer()
const browser = await launchBrowser()
const open = async (path: string): Promise<Page> => {
  const page = await browser.newPage()
  await page.goto(new URL(path, server.url).href)
  await runtimeReady(page)
  return page
}
const recorders: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  chat: recordTexts,
  vision: recordAnswer,
  search: recordSearch,
  lab: recordLoad,
}

const named = process.argv.slice(2)
for (const [name, record] of Object.entries(recorders)) {
  if (named.length > 0 && !named.includes(name)) continue
  const run = await record(await open(`${name}.html`))
  await writeFile(new URL(`../../web/app/recorded/${name}.json`, import.meta.url), JSON.stringify(run))
}
await browser.close()
await server.stop()
execFileSync('npx', ['biome', 'check', '--write', 'web/app/recorded'], { stdio: 'inherit' })

/** One prompt continued here and there, and the server lost in mid-sentence. */
async function recordTexts(page: Page): Promise<unknown> {
  await page.evaluate(async () => (await spillway.model('bard')).load())
  // The first texts of a page also wait for code that later ones have.
  for (const home of ['device', 'server'] as const) await recordText(page, home)
  const [device, server] = await Promise.all([recordText(page, 'device'), recordText(page, 'server', 32)])
  return { device, server }
}

/** @param movesAfter Tokens after which the rest is written on the device. */
function recordText(page: Page, home: 'device' | 'server', movesAfter = 0): Promise<unknown> {
  return page.evaluate(
    async ({ home, movesAfter }) => {
      const model = await spillway.model('bard')
      const [at, pieces, sizes]: [number[], string[], number[]] = [[], [], []]
      const askedAt = performance.now()
      let moved = 0
      const stream = model.generate(
        { prompt: 'Once upon a time there was a king who', maxTokens: 128, ignoreStopTokens: true, seed: 3 },
        { policy: `prefer-${home}` },
      )
      for await (const { text, tokens, placement } of stream) {
        at.push(Math.round(performance.now() - askedAt))
        pieces.push(text)
        sizes.push(tokens.length)
        if (placement.tier === home) moved = pieces.length
        if (pieces.length === movesAfter) stream.move('device')
      }
      return { at, pieces, tokens: sizes, moved }
    },
    { home, movesAfter },
  )
}

/** A digit drawn with the mouse, and what the model makes of it after each point. */
async function recordAnswer(page: Page): Promise<unknown> {
  const digit = 3
  await page.locator('[data-testid=progress][data-state=ready]').waitFor()
  const pad = page.getByTestId('pad')
  await pad.scrollIntoViewIfNeeded()
  const box = await pad.boundingBox()
  if (!box) throw new Error('The pad is not on the page')
  const [at, shares]: [number[], number[][]] = [[], []]
  const startedAt = performance.now()
  for (const stroke of samples[digit] ?? []) {
    await page.mouse.up()
    for (const [index, { x, y }] of stroke.entries()) {
      await page.mouse.move(box.x + x * box.width, box.y + y * box.height)
      if (index === 0) await page.mouse.down()
      await page.waitForTimeout(120)
      at.push(Math.round(performance.now() - startedAt))
      shares.push(
        await page
          .locator('[data-testid^=bar-]')
          .evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute('data-share')))),
      )
    }
  }
  await page.mouse.up()
  return { digit, at, shares }
}

/** Words typed letter by letter, and the passages that are nearest to them after each. */
async function recordSearch(page: Page): Promise<unknown> {
  const words = 'the cat grinned and vanished'
  await page
    .getByTestId('reading')
    .and(page.getByText(/kept for the next visit/))
    .waitFor()
  const [at, queries, found]: [number[], string[], unknown[]] = [[], [], []]
  const startedAt = performance.now()
  for (let typed = 1; typed <= words.length; typed++) {
    const query = words.slice(0, typed)
    await page.getByTestId('query').press(words[typed - 1] === ' ' ? 'Space' : (words[typed - 1] ?? ''))
    await page
      .getByTestId('results-note')
      .and(page.getByText(`“${query.trim()}”`, { exact: false }))
      .waitFor()
    await page.waitForTimeout(100)
    at.push(Math.round(performance.now() - startedAt))
    queries.push(query)
    found.push(
      await page
        .getByTestId('results')
        .locator('li')
        .evaluateAll((items) =>
          items.map((item) => ({
            index: Number(item.dataset.passage),
            score: Number(/(\d+)% alike/.exec(item.textContent ?? '')?.[1]) / 100,
          })),
        ),
    )
  }
  return { at, queries, found }
}

/** Twenty seconds of load, as the charts' captions tell it: a lane is killed, and then all goes to the server for a while. */
async function recordLoad(page: Page): Promise<unknown> {
  await page.locator('[data-testid=progress][data-state=ready]').waitFor()
  await page.getByTestId('start').click()
  const reading = page.evaluate(async () => {
    const columns = ['device', 'server', 'p50', 'p95', 'p99', 'shared', 'open']
    const run: Record<string, (number | null)[]> = {
      at: [],
      ...Object.fromEntries(columns.map((name) => [name, []])),
    }
    const startedAt = performance.now()
    while (performance.now() - startedAt < 20_000) {
      await new Promise((resolve) => setTimeout(resolve, 250))
      run.at?.push(Math.round(performance.now() - startedAt))
      for (const [index, value] of document.querySelectorAll('#charts .keys dd').entries()) {
        const words = value.textContent ?? ''
        run[columns[index] ?? '']?.push(words === '–' ? null : Number(words.replace(/[^\d.]/g, '')))
      }
    }
    return run
  })
  await page.waitForTimeout(6_000)
  await page.getByTestId('fault-lane').click()
  await page.waitForTimeout(5_000)
  await page.getByTestId('policy').selectOption('server')
  await page.waitForTimeout(4_000)
  await page.getByTestId('policy').selectOption('auto')
  return reading
}

/**
 * Takes pictures of all pages, or of those that are named, into the folder `screenshots`: at each width, light and dark,
 * with forced colours, from right to left, and as a colour-blind visitor sees them. The README's pictures are taken anew.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser } from '../page.ts'
import { startServer } from '../server.ts'
import { pages } from './visits.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = join(root, 'screenshots')
const widths = [320, 360, 768, 1280]

/** The pictures that the README shows, by page, at one width: their heights. */
const inReadme: Readonly<Record<string, number>> = { payments: 1000, vision: 1180, chat: 930, search: 900 }

const named = process.argv.slice(2)
for (const name of named)
  if (!pages[name]) throw new Error(`No page ${name}. There are ${Object.keys(pages).join(', ')}.`)

await mkdir(folder, { recursive: true })
const server = await startServer()
const browser = await launchBrowser()
for (const name of named.length > 0 ? named : Object.keys(pages)) {
  await takeAll(browser, name)
  await takeForReadme(browser, name)
}
await browser.close()
await server.stop()

async function open(browser: Browser, name: string, height: number, scale: number): Promise<Page> {
  const [path, visit] = pages[name] ?? ['', async () => {}]
  const page = await browser.newPage({ viewport: { width: 1120, height }, deviceScaleFactor: scale })
  await page.goto(new URL(path, server.url).href)
  await visit(page)
  return page
}

async function takeAll(browser: Browser, name: string): Promise<void> {
  const page = await open(browser, name, 800, 1)
  const take = async (how: string, width: number) => {
    await page.setViewportSize({ width, height: 800 })
    // Charts and canvases are drawn for the new width with the next frames.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 150))))
    await page.screenshot({ path: join(folder, `${name}-${width}-${how}.png`), fullPage: true })
  }
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    for (const width of widths) await take(colorScheme, width)
  }
  await page.emulateMedia({ colorScheme: 'light', forcedColors: 'active' })
  for (const width of [360, 1280]) await take('forced', width)
  await page.emulateMedia({ forcedColors: 'none' })
  const session = await page.context().newCDPSession(page)
  for (const type of ['deuteranopia', 'achromatopsia'] as const) {
    await session.send('Emulation.setEmulatedVisionDeficiency', { type })
    await take(type, 1280)
  }
  await session.send('Emulation.setEmulatedVisionDeficiency', { type: 'none' })
  await page.evaluate(() => {
    document.documentElement.dir = 'rtl'
  })
  for (const width of [360, 1280]) await take('rtl', width)
  await page.close()
}

async function takeForReadme(browser: Browser, name: string): Promise<void> {
  const height = inReadme[name]
  if (height === undefined) return
  const page = await open(browser, name, height, 1.5)
  await page.evaluate(() => scrollTo(0, 0))
  await page.screenshot({ path: join(root, `web/app/${name}.png`) })
  await page.close()
}

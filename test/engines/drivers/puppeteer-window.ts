import { type LaunchOptions, launch } from 'puppeteer-core'
import { callOf, type EngineWindow } from './engine-driver.ts'

/** Longer than a step of a page takes, and shorter than a test may. */
const timeoutMs = 100_000

/** Starts a browser that Puppeteer drives. */
export async function openPuppeteer(options: LaunchOptions): Promise<EngineWindow> {
  const browser = await launch({ headless: true, protocolTimeout: timeoutMs, timeout: timeoutMs, ...options })
  const [page = await browser.newPage()] = await browser.pages()
  page.setDefaultTimeout(timeoutMs)
  const [version = ''] = /[\d.]+/.exec(await browser.version()) ?? []
  return {
    version,
    goto: async (url) => {
      await page.goto(url.href)
    },
    reload: async () => {
      await page.reload()
    },
    evaluate: async (script, ...args) => page.evaluate(callOf(script, args)) as never,
    drag: async ([first, ...rest]) => {
      if (!first) return
      await page.mouse.move(first.x, first.y)
      await page.mouse.down()
      for (const { x, y } of rest) await page.mouse.move(x, y)
      await page.mouse.up()
    },
    close: () => browser.close(),
  }
}

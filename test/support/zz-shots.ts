import { createServer } from 'node:http'
import { launchBrowser } from './page.ts'
import { startServer } from './server.ts'
const server = await startServer()
const browser = await launchBrowser()
const html = (theme: string) => `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><style>:root{color-scheme:${theme};background:Canvas;font-family:system-ui}main{max-width:700px;margin:24px auto;padding:0 12px}</style><main><h1>Guest</h1>
<spillway-search top="3" files selectable placeholder="a cat that vanishes">
${['The cat grinned, and vanished slowly, beginning with the end of its tail.','The ship sailed over the sea, and the sailors sang of the wind.','<a href="/q">The queen</a> sat on her throne, and shouted at the king.','A wolf ran into the wood and ate the little pig.','The princess danced with the prince until midnight.'].map((t)=>`<p>${t}</p>`).join('')}
</spillway-search><h2>Texts</h2><spillway-search id="b" top="2"></spillway-search><script type="module" src="${new URL('elements.js', server.url)}"></script></main>`
const web = createServer((q, r) => { r.setHeader('content-type', 'text/html'); r.end(html(q.url?.includes('dark') ? 'dark' : 'light')) }).listen(0)
const port = (web.address() as any).port
for (const [width, theme] of [[360, 'light'], [1280, 'dark']] as const) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme })
  const page = await context.newPage()
  await page.goto(`http://localhost:${port}/${theme}`)
  await page.locator('spillway-search input[type=search]').first().fill('sailors at sea')
  await page.evaluate(() => { const b = document.querySelector('#b') as any; b.texts = ['A fox in the wood. '.repeat(6), 'the wolf ran '.repeat(3000), 'Roses']; b.query = 'a fox' })
  await page.waitForTimeout(4000)
  await page.locator('spillway-search .result button', { hasText: 'Choose' }).first().click()
  await page.screenshot({ path: `/tmp/search-shots/el-${width}.png`, fullPage: false })
  await page.evaluate(() => { (document.querySelector('spillway-search') as any).searchFile(new Blob([new Uint8Array([255, 0])])) })
  await page.waitForTimeout(500)
  await page.screenshot({ path: `/tmp/search-shots/el-error-${width}.png` })
  await page.goto(new URL('search.html', server.url).href)
  await page.waitForTimeout(6000)
  await page.getByTestId('query').fill('the cat grinned')
  await page.waitForTimeout(1500)
  await page.screenshot({ path: `/tmp/search-shots/page-${width}.png` })
  await page.screenshot({ path: `/tmp/search-shots/full-${width}.png`, fullPage: true })
  await page.goto(new URL('lab.html', server.url).href)
  await page.waitForTimeout(3000)
  await page.locator('#storage-title').scrollIntoViewIfNeeded()
  await page.locator('#stored').screenshot({ path: `/tmp/search-shots/lab-${width}.png` })
  await context.close()
}
await browser.close(); await server.stop(); web.close()

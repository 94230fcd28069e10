import { exec } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeCallingModel } from '../support/calling-model.ts'
import { block, readDocument as read } from '../support/documents.ts'
import { startHub, type TestHub } from '../support/hub.ts'
import { launchBrowser } from '../support/page.ts'
import { routeHub } from '../support/route-hub.ts'
import { sentenceTransformer } from '../support/sentence-transformer.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder, modelFolder } from '../support/test-models.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

const readme = await read('README.md')
const guide = await read('web/README.md')

/** A model whose state is the sum of what it was given. */
async function sumModel(): Promise<string> {
  const folder = await emptyFolder()
  const column = { type: 'float32' as const, shape: [-1, 1] }
  const graph = modelProto({
    nodes: [
      { op: 'Add', inputs: ['x', 'sum'], outputs: ['total'] },
      { op: 'Identity', inputs: ['total'], outputs: ['sumN'] },
    ],
    inputs: [value('x', ['batch', 1]), value('sum', ['batch', 1])],
    outputs: [value('total', ['batch', 1]), value('sumN', ['batch', 1])],
  })
  const file = join(folder, 'sum.onnx')
  await writeFile(file, encode(graph))
  return modelFolder(file, {
    id: 'sum',
    title: 'Sum',
    task: 'tensor',
    inputs: [
      { name: 'x', ...column },
      { name: 'sum', ...column },
    ],
    outputs: [
      { name: 'total', ...column },
      { name: 'sumN', ...column },
    ],
    state: [{ input: 'sum', output: 'sumN' }],
    batchAxis: 0,
    tolerance: 0,
  })
}

/** README's first block, the embed script, as a page of another origin than the server's, with the guide's preload. */
async function serveEmbedBlock(server: URL): Promise<Server> {
  const html = [block(guide, 'html', 'preload'), block(readme, 'html', 'embed.js')]
    .join('')
    .replaceAll('http://localhost:8080/', server.href)
  const host = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(`<!doctype html><html lang="en"><title>README</title><body>${html}`)
  })
  host.listen(0, '127.0.0.1')
  await once(host, 'listening')
  return host
}

/** What a page prints with console.log, line by line. */
function printed(page: Page): string[] {
  const lines: string[] = []
  page.on('console', (message) => lines.push(message.text()))
  return lines
}

describe('examples in README and in the guide for pages', () => {
  let server: TestServer
  let browser: Browser
  let hub: TestHub
  let host: Server
  let page: Page
  let lines: string[]
  const errors: string[] = []
  beforeAll(async () => {
    const { repository } = sentenceTransformer({ words: 20, width: 32, heads: 2, layers: 1, context: 64 })
    const revision = /all-MiniLM-L6-v2@(\w+)/.exec(readme)?.[1] ?? ''
    const model = 'Xenova/all-MiniLM-L6-v2'
    const models = await sumModel()
    await writeCallingModel(models, 'calling')
    ;[server, browser, hub] = await Promise.all([
      startServer({ SPILLWAY_MODELS: models }),
      launchBrowser(),
      startHub({ [model]: { ...repository, revisions: [revision] } }),
    ])
    host = await serveEmbedBlock(server.url)
    page = await browser.newPage()
    lines = printed(page)
    page.on('pageerror', (error) => errors.push(error.message))
    await routeHub(page, hub)
    await page.goto(`http://127.0.0.1:${(host.address() as AddressInfo).port}`)
  })
  afterAll(async () => {
    await browser.close()
    host.close()
    await Promise.all([server.stop(), hub.stop()])
  })

  const runScript = (code: string) => page.addScriptTag({ type: 'module', content: code })

  test('the embed script and a run print logits, a tier, an explanation and milliseconds', async () => {
    await expect
      .poll(() => lines.find((line) => line.includes('Float32Array')), { timeout: 90_000 })
      .toMatch(/^Float32Array\(10\) (device|server) \S.* [\d.]+$/)
    expect(errors).toEqual([])
  })

  test('a story is appended to the page, piece by piece', async () => {
    await runScript(block(readme, 'js', 'for await (const { text, placement } of bard.generate'))
    await expect
      .poll(() => page.evaluate(() => document.body.innerText.trim().length), { timeout: 90_000 })
      .toBeGreaterThan(50)
    expect(errors).toEqual([])
  })

  test('a text has the form of its schema, on a device of another origin', async () => {
    const tale = block(readme, 'js', 'json_schema')
    await runScript(`spillway.policy = 'device'
      const bard = await spillway.model('bard')
      ${tale}
      spillway.policy = 'auto'
      console.log('tale', JSON.parse(tale.text).end, tale.placement.tier)`)
    await expect.poll(() => lines.at(-1), { timeout: 90_000 }).toMatch(/^tale (?:happy|sad) device$/)
    expect(errors).toEqual([])
  })

  test('a model calls a function of the page, and tells what it returned', async () => {
    const code = block(readme, 'js', 'tools: { weather }')
    await runScript(code.replace(/'hf:[^']+'/, "'calling'").replace('console.log(', "console.log('told', "))
    await expect.poll(() => lines.at(-1), { timeout: 90_000 }).toBe('told It is stormy.')
    expect(errors).toEqual([])
  })

  test('a repository of the hub gives vectors', async () => {
    await runScript(block(readme, 'js', 'minilm.embed'))
    await expect
      .poll(() => lines.some((line) => /^\[Float32Array\(32\), Float32Array\(32\)\]/.test(line)), {
        timeout: 90_000,
      })
      .toBe(true)
    expect(errors).toEqual([])
  })

  /** Runs a block between lines that prepare it and lines that report. */
  const around = (before: string, code: string, after: string) => runScript(`${before}\n${code}\n${after}`)
  const printedLine = (line: string) => expect.poll(() => lines, { timeout: 90_000 }).toContain(line)

  test('the manifest that a page preloads is the one that its runtime reads', async () => {
    const requests = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .filter(({ name }) => name.endsWith('models/digits/manifest.json'))
        .map((entry) => ('initiatorType' in entry ? entry.initiatorType : '')),
    )
    expect(requests).toEqual(['link'])
    expect(lines.filter((line) => line.includes('preload'))).toEqual([])
  })

  test('a page makes a runtime of its own, whose server is where the script came from', async () => {
    await around(
      '',
      block(guide, 'js', "from 'http://localhost:8080/embed.js'").replace(
        'http://localhost:8080/',
        server.url.href,
      ),
      `const { placement } = await model.run({ image: new Float32Array(784) }, { policy: 'server' })
       console.log('own runtime', runtime !== spillway, runtime.policy, placement.tier)`,
    )
    await printedLine('own runtime true prefer-device server')
  })

  test('the runtime advises on a model', async () => {
    await around('const runtime = spillway', block(guide, 'js', 'runtime.advise'), '')
    await expect.poll(() => lines.some((line) => /^wasm q8 \d+ \d+ 3145728$/.test(line))).toBe(true)
  })

  test('a model tells its states, and is unloaded', async () => {
    await around('const runtime = spillway', block(guide, 'js', 'model.unload'), 'console.log(model.state)')
    await printedLine('digits ready [Object]')
    await printedLine('idle')
  })

  test('a session starts each run from the state that the run before left', async () => {
    await around(
      `const model = await spillway.model('sum')
       const [inputs, nextInputs] = [{ x: Float32Array.of(1) }, { x: Float32Array.of(2) }]`,
      block(guide, 'js', 'createSession'),
      "console.log('totals', first.outputs.total.data[0], second.outputs.total.data[0])",
    )
    await printedLine('totals 1 3')
  })

  test('a chat that has outgrown its model goes on without its oldest turns', async () => {
    await around(
      `const model = await spillway.model('bard')
       const said = Array.from({ length: 30 }, (_, at) => ({ role: at % 2 ? 'assistant' : 'user', content: 'Once upon a time. '.repeat(5) }))
       const messages = [{ role: 'system', content: 'Tell.' }, ...said, { role: 'user', content: 'And then?' }]`,
      block(guide, 'js', "truncation: 'auto'"),
      "console.log('went on', text !== '', droppedMessages > 0, droppedMessages % 2)",
    )
    await printedLine('went on true true 0')
  })

  test('OpenAI’s client writes a text whole and as a stream', async () => {
    await around(
      `const runtime = spillway
       document.body.replaceChildren()`,
      block(guide, 'js', 'runtime.openai'),
      "console.log('streamed', document.body.textContent === choices[0].text)",
    )
    await expect.poll(() => lines.some((line) => line.endsWith(' 32')), { timeout: 90_000 }).toBe(true)
    await printedLine('streamed true')
  })

  test('the statistics arrive as an event', async () => {
    const code = block(guide, 'js', "addEventListener('stats'")
    await around(
      'const runtime = spillway',
      code.replace('console.log(', "console.log('queued', "),
      `const model = await spillway.model('digits')
       await model.run({ image: new Float32Array(28 * 28) })`,
    )
    await printedLine('queued 0')
  })

  test('the spillway command reads a model', async () => {
    const command = block(readme, 'sh', 'spillway.js inspect')
    const { stdout } = await promisify(exec)(command, {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
    })
    expect(stdout).toContain('image')
  })

  test('an error has a code to switch on', async () => {
    await around(
      `const model = await spillway.model('digits')
       const image = new Float32Array(1)
       const retryAfter = () => {}
       const answer = async () => {`,
      block(guide, 'js', 'error.code'),
      `}
       answer().catch(({ code }) => console.log('rejected', code))`,
    )
    await printedLine('rejected input_size_invalid')
  })
})

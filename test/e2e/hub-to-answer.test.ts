import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, symlink } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import '../../web/embed/window-global.ts'
import { curlFolder } from '../support/curl.ts'
import { startHub, type TestHub } from '../support/hub.ts'
import { embedderGraph, embedderRepository } from '../support/hub-models.ts'
import { launchBrowser, openBarePage } from '../support/page.ts'
import { emptyFolder } from '../support/test-models.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The size of BERT's vocabulary, whose tokens README's example uses. */
const vocabulary = 30_522

let hub: TestHub
let env: NodeJS.ProcessEnv
let folder: string
beforeAll(async () => {
  const { files, ...rest } = embedderRepository()
  const { 'onnx/model.onnx_data': _data, ...others } = files
  hub = await startHub({
    'Xenova/all-MiniLM-L6-v2': {
      ...rest,
      files: { ...others, 'onnx/model.onnx': embedderGraph(vocabulary) },
    },
  })
  env = {
    ...process.env,
    HF_ENDPOINT: hub.url.href,
    PORT: '0',
    // The machine's own curl comes first, where it has one.
    PATH: [process.env.PATH, await curlFolder()].join(delimiter),
  }
  folder = await emptyFolder()
  await symlink(join(root, 'dist'), join(folder, 'dist'))
})
afterAll(() => hub.stop())

/** README's commands, from `pull` to an answer. */
async function commands(): Promise<string[]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const block = /```sh\n(node dist\/server\/spillway\.js pull[^`]*)```/.exec(readme)?.[1]
  return block?.trim().split('\n') ?? []
}

const shell = async (command: string) =>
  (await promisify(execFile)('sh', ['-c', command], { cwd: folder, env })).stdout

/** The server that a command starts, once it has loaded its models; it ends with the test. */
async function serve(command: string): Promise<URL> {
  const child = spawn('sh', ['-c', `exec env ${command}`], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // A server that outlived a failed test would hold vitest's own output open, and vitest with it.
  onTestFinished(async () => {
    if (child.kill('SIGTERM')) await once(child, 'close')
  })
  const url = await new Promise<URL>((resolve, reject) => {
    let log = ''
    child.stdout.on('data', (part: Buffer) => {
      log += part
      const found = /listens on (http:\/\/[^"\s]+)/.exec(log)?.[1]
      if (found) resolve(new URL(found))
    })
    child.once('exit', (code) => reject(new Error(`The server ended with ${code}: ${log}`)))
  })
  await expect.poll(async () => (await fetch(new URL('v2/health/ready', url))).status).toBe(200)
  return url
}

test("README's four commands pull a model, make it smaller, serve it and run it, on the server and on a page", async () => {
  const [pull = '', quantize = '', start = '', run = '', ...more] = await commands()
  expect(more).toEqual([])
  await shell(pull)
  expect(await shell(quantize)).toContain('manifest.json lists it as quantized')
  const server = await serve(start)
  const answer = JSON.parse(await shell(run.replace('localhost:8080', server.host)))
  expect(answer.outputs[0]).toMatchObject({ name: 'last_hidden_state', shape: [1, 4, 32] })

  const browser = await launchBrowser()
  onTestFinished(() => browser.close())
  const { page } = await openBarePage(await browser.newContext(), server)
  const onPage = await page.evaluate(async () => {
    const model = await window.spillway.model('minilm')
    const ids = (...values: number[]) => BigInt64Array.from(values, BigInt)
    const { outputs, placement } = await model.run(
      {
        input_ids: ids(101, 7592, 2088, 102),
        attention_mask: ids(1, 1, 1, 1),
        token_type_ids: ids(0, 0, 0, 0),
      },
      { policy: 'device' },
    )
    return { data: Array.from(outputs.last_hidden_state?.data ?? [], Number), placement }
  })
  // The same repository by its name, in the built site. The page's requests to the real hub are answered by this one.
  await page.route('https://huggingface.co/**', async (route) => {
    const { pathname, search } = new URL(route.request().url())
    const response = await fetch(new URL(pathname.slice(1) + search, hub.url))
    await route.fulfill({
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: Buffer.from(await response.arrayBuffer()),
    })
  })
  const fromHub = await page.evaluate(async () => {
    const model = await window.spillway.model('hf:Xenova/all-MiniLM-L6-v2')
    await model.load()
    return model.manifest.id
  })
  expect(fromHub).toBe('Xenova--all-MiniLM-L6-v2')
  expect(onPage.placement).toMatchObject({ tier: 'device', variant: 'quantized' })
  expect(answer.parameters).toMatchObject({ backend: 'cpu', variant: 'quantized' })
  const difference = onPage.data.map((value, at) => Math.abs(value - answer.outputs[0].data[at]))
  expect(Math.max(...difference)).toBeLessThan(1e-3)
})

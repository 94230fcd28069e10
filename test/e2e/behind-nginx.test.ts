import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type {} from '../../web/embed/window-global.ts'
import { freePort } from '../support/free-port.ts'
import { startHostPage } from '../support/host-page.ts'
import { launchBrowser, openPage } from '../support/page.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { importStories } from '../support/stories.ts'
import { emptyFolder, withoutTestModels } from '../support/test-models.ts'

const absent = spawnSync('nginx', ['-v']).error ? 'nginx is not installed' : withoutTestModels

/** nginx with the configuration that server/deploy has as an example, in front of two replicas. */
async function startNginx(folder: string, replicas: readonly TestServer[]) {
  const [key, certificate] = [join(folder, 'key'), join(folder, 'certificate')]
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes', '-newkey', 'rsa:2048']
  spawnSync('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', certificate])
  const [plain, secure] = [await freePort(), await freePort()]
  let text = readFileSync(new URL('../../server/deploy/nginx.conf', import.meta.url), 'utf8')
  const values: [string, string][] = [
    ['/etc/nginx/tls/ai.example.com.pem', certificate],
    ['/etc/nginx/tls/ai.example.com.key', key],
    ['/run/nginx.pid', join(folder, 'pid')],
    ['listen 80;', `listen 127.0.0.1:${plain};`],
    ['listen 443 ssl', `listen 127.0.0.1:${secure} ssl`],
    ['ai.example.com;', 'localhost;'],
    ['worker_processes auto', 'worker_processes 1'],
    ['http {', 'http {\n  access_log off;'],
    ...replicas.map(({ url }, index): [string, string] => [`10.0.0.${index + 1}:8080`, url.host]),
  ]
  for (const [from, to] of values) text = text.replaceAll(from, to)
  const path = join(folder, 'nginx.conf')
  await writeFile(path, text)
  const process = spawn('nginx', ['-c', path, '-g', 'daemon off; error_log stderr;'], { stdio: 'ignore' })
  return { process, url: new URL(`https://localhost:${secure}/ai/`) }
}

describe.skipIf(absent)(`two replicas behind nginx, below a path${absent ? `: ${absent}` : ''}`, () => {
  let folder: string
  let replicas: TestServer[]
  let nginx: ChildProcess
  let browser: Browser
  let host: Awaited<ReturnType<typeof startHostPage>>
  let page: Page
  beforeAll(async () => {
    folder = await emptyFolder()
    const stories = await importStories()
    if ('absent' in stories) throw new Error(stories.absent)
    const env = {
      SPILLWAY_MODELS: stories.folder,
      SPILLWAY_DRAIN_SECONDS: '1',
      SPILLWAY_HUNG_SECONDS: '600',
    }
    replicas = await Promise.all([startServer(env), startServer(env)])
    const started = await startNginx(folder, replicas)
    nginx = started.process
    browser = await launchBrowser()
    host = await startHostPage(new URL('embed.js', started.url))
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    ;({ page } = await openPage(context, host.url))
    await page.waitForFunction(() => 'spillway' in window)
  })
  afterAll(async () => {
    await browser?.close()
    await host?.stop()
    nginx?.kill()
    await Promise.all(replicas?.map((replica) => replica.stop()) ?? [])
    await rm(folder, { recursive: true })
  })

  test('end one by one without that a caller on a page notices', async () => {
    const generate = (isDisturbed: boolean) =>
      page.evaluate(async (isDisturbed) => {
        const model = await window.spillway.model('stories260k')
        const texts = Array.from({ length: 20 }, (_, seed) => {
          const stream = model.generate({ prompt: 'Once', maxTokens: 60, seed }, { policy: 'server' })
          return stream.result.then(({ text, tokens }) => ({ text, tokens: tokens.length }))
        })
        if (!isDisturbed) return Promise.all(texts)
        const digits = await window.spillway.model('digits')
        const runs = Array.from({ length: 60 }, (_, index) =>
          digits
            .run({ image: new Float32Array(784).fill(index / 60) }, { policy: 'server' })
            .then(({ placement }) => placement.tier),
        )
        const tiers = await Promise.all(runs)
        if (tiers.some((tier) => tier !== 'server')) throw new Error('A run left the server')
        return Promise.all(texts)
      }, isDisturbed)
    const undisturbed = await generate(false)
    const started = async (replica: TestServer) => {
      const text = await (await fetch(new URL('metrics', replica.url))).text()
      return Number(/^vllm:generation_tokens_total\{model_name="stories260k"\} (\d+)$/m.exec(text)?.[1] ?? 0)
    }
    const before = await Promise.all(replicas.map(started))
    const disturbed = generate(true)
    let at = -1
    await expect
      .poll(
        async () => {
          const now = await Promise.all(replicas.map(started))
          at = now.findIndex((tokens, index) => tokens > (before[index] ?? 0) + 40)
          return at
        },
        { interval: 5 },
      )
      .toBeGreaterThanOrEqual(0)
    const leaving = replicas[at]
    if (!leaving) throw new Error('No replica writes')
    // What is in its lanes stays there until the drain time is over.
    leaving.freezeLanes()
    const running = await (await fetch(new URL('metrics', leaving.url))).text()
    expect(running).toMatch(/^vllm:num_requests_running\{model_name="stories260k"\} [1-9]/m)
    expect(await leaving.stop()).toBe(0)
    expect(leaving.log.map(({ msg }) => msg)).toContain(
      'Requests in flight are handed over to other replicas',
    )
    expect(await disturbed).toEqual(undisturbed)
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { type HealthProber, startHealthProber } from '../support/health-prober.ts'
import { sentenceTransformer } from '../support/sentence-transformer.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'

const embedding = { words: 300, width: 64, heads: 1, layers: 1, context: 512 }
const { language, repository } = sentenceTransformer({ ...embedding, pooling: 'mean' })

let server: TestServer
let prober: HealthProber
beforeAll(async () => {
  const folder = await emptyFolder()
  const root = join(folder, 'embedder')
  for (const [path, content] of Object.entries(repository.files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  writeManifest(
    join(root, 'manifest.json'),
    await makeManifest(root, { about: { pipeline: 'sentence-similarity' } }),
  )
  server = await startServer({
    SPILLWAY_MODELS: folder,
    SPILLWAY_MAX_TEXT_BODY_BYTES: String(2 ** 26),
    SPILLWAY_MAX_BODY_BYTES: String(2 ** 26),
  })
  prober = startHealthProber(server)
  // Tokenizers and models are loaded by now: their first use is another matter.
  for (const { path, body } of warmUps) await (await send(path, JSON.stringify(body))).text()
})
afterAll(async () => {
  await prober.stop()
  await server.stop()
})

const million = 1_000_000
const chat = 'v1/chat/completions'
const digits = 'v2/models/digits/infer'
const messages = [{ role: 'user', content: 'Once upon a time' }]
const warmUps = [
  { path: chat, body: { model: 'bard', messages, max_tokens: 1 } },
  { path: 'v1/embeddings', body: { model: 'embedder', input: language.texts([5], 1) } },
]
const members = (count: number) => Array.from({ length: count }, (_, key) => `"${key}":1`).join(',')
const brackets = (count: number) => '['.repeat(count) + ']'.repeat(count)
const prompt = (length: number) =>
  JSON.stringify({ model: 'bard', messages: [{ role: 'user', content: 'a b '.repeat(length / 4) }] })
const image = (rows: number, data: string) =>
  `{"inputs":[{"name":"image","datatype":"FP32","shape":[${rows},1,28,28],"data":[${data}]}]}`

const requests: [string, string, number, () => string][] = [
  ['a prompt that almost fits its bound', chat, 400, () => prompt(72_000)],
  ['a prompt of 3 MB', chat, 400, () => prompt(3 * million)],
  ['a prompt of 30 MB', chat, 400, () => prompt(30 * million)],
  [
    'a prompt of 3 million tokens',
    'v1/completions',
    400,
    () => `{"model":"bard","prompt":[${'7,'.repeat(3 * million)}7]}`,
  ],
  ['nested brackets', chat, 400, () => `{"model":"bard","messages":${brackets(million)}}`],
  [
    'a million keys',
    chat,
    400,
    () => `{"model":"bard","messages":${JSON.stringify(messages)},"x":{${members(million)}}}`,
  ],
  [
    '49,000 keys and as many messages, which are within the bounds',
    chat,
    400,
    () => `{"model":"bard","x":{${members(24_000)}},"messages":[${'1,'.repeat(24_000)}1]}`,
  ],
  ['a million parameters', digits, 400, () => `{"inputs":[],"parameters":{${members(million)}}}`],
  [
    'a million biases',
    chat,
    400,
    () => `{"model":"bard","messages":${JSON.stringify(messages)},"logit_bias":{${members(million)}}}`,
  ],
  [
    '2,048 texts each near the context',
    'v1/embeddings',
    200,
    () =>
      JSON.stringify({
        model: 'embedder',
        input: language.texts(new Array(2_048).fill(250), 1),
      }),
  ],
  ['16 MB of numbers', digits, 200, () => image(5_000, `${'0.5,'.repeat(5_000 * 784 - 1)}0.5`)],
  [
    '16 MB of numbers with exponents',
    digits,
    200,
    () => image(3_400, `${'5.0e-1,'.repeat(3_400 * 784 - 1)}0.5`),
  ],
  ['30 MB of too many numbers', digits, 400, () => image(1, `${'1,'.repeat(15 * million)}1`)],
]

const send = (path: string, body: string | Uint8Array<ArrayBuffer>, headers = {}) =>
  fetch(new URL(path, server.url), { method: 'POST', body, headers })

/**
 * The server's own CPU time before it answers others: 100 ms at most on quiet cores, and more where other work takes the
 * memory from their caches. Without the offload thread it would be seconds.
 */
const mostRanMs = 250
/** A thread that waits for another computes nothing. Garbage collection waits for its helpers, on a busy machine for long. */
const mostWaitMs = 2_000

async function expectHealth(request: () => Promise<void>): Promise<void> {
  await prober.longest()
  await request()
  const { ranMs, waitMs } = await prober.longest()
  expect(ranMs).toBeLessThan(mostRanMs)
  expect(waitMs).toBeLessThan(mostWaitMs)
}

describe('the server answers its health at once beside', () => {
  test.each(requests)('%s', async (_what, path, status, create) => {
    const body = create()
    await expectHealth(async () => {
      const response = await send(path, body)
      expect(response.status, (await response.text()).slice(0, 300)).toBe(status)
    })
  })

  test('32 MB of binary tensors', async () => {
    const rows = 10_000
    const json = new TextEncoder().encode(
      `{"inputs":[{"name":"image","datatype":"FP32","shape":[${rows},1,28,28],"parameters":{"binary_data_size":${rows * 3_136}}}]}`,
    )
    const body = new Uint8Array(json.length + rows * 3_136)
    body.set(json)
    await expectHealth(async () => {
      const response = await send(digits, body, { 'inference-header-content-length': String(json.length) })
      expect((await response.json()).outputs[0].data).toHaveLength(10 * rows)
    })
  })
})

describe('a server would be seen whose thread is held by', () => {
  /** A server whose thread stands still at `/hold`. */
  async function serve(hold: string) {
    const script = `require('node:http').createServer((request, response) => {
      if (request.url === '/hold') { ${hold} }
      response.end()
    }).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill())
    const [port] = await once(child.stdout, 'data')
    return { pid: child.pid ?? 0, url: new URL(`http://127.0.0.1:${port}`) }
  }

  test.each([
    ['its own computing', 'ranMs', mostRanMs, 'for (let at = 0; at < 1e9; at++);'],
    [
      'another thread',
      'waitMs',
      mostWaitMs,
      'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000)',
    ],
  ] as const)('%s', async (_what, time, most, hold) => {
    const held = await serve(hold)
    const own = startHealthProber(held)
    onTestFinished(() => own.stop())
    await own.longest()
    await fetch(new URL('hold', held.url))
    expect((await own.longest())[time]).toBeGreaterThan(most)
  })
})

import { afterEach, describe, expect, test, vi } from 'vitest'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { createOffload, type Offload } from '../../server/offload/offload.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { createTestOffload } from '../support/offload.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'

let app: TestApp | undefined
afterEach(() => app?.close())

/** The app with an offload thread that never answers. `begun` resolves when a task was handed to it. */
async function start(): Promise<{ post: TestApp['request']; clock: ManualClock; begun: Promise<string> }> {
  const clock = createManualClock()
  const entry = new URL('../support/offload-faults.mjs', import.meta.url)
  const silent = createOffload({ entry, clock, taskMs: 3_600_000, maxBytes: 2 ** 28 })
  let begin = (_task: string) => {}
  const begun = new Promise<string>((resolve) => {
    begin = resolve
  })
  const offload: Offload = {
    ...silent,
    run: (name, input, job) => {
      const answer = silent.run(name, input, job)
      begin(name)
      return answer
    },
  }
  app = await startTestApp({ clock, offload, maxBodyBytes: 4_000_000 })
  return { post: app.request, clock, begun }
}

/** The app with the real thread, after each of whose tasks so much time has passed. */
async function startSlow(ms: number): Promise<TestApp['request']> {
  const clock = createManualClock()
  const real = createTestOffload({ clock })
  const offload: Offload = {
    ...real,
    run: (name, input, job) => real.run(name, input, job).finally(() => clock.advance(ms)),
  }
  app = await startTestApp({ clock, offload, maxBodyBytes: 4_000_000 })
  return app.request
}

const json = (body: object, timeout?: string) => ({
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    ...(timeout !== undefined && { 'request-timeout': timeout }),
  },
  body: JSON.stringify(body),
})
const rows = 200
const images = {
  inputs: [
    { name: 'image', datatype: 'FP32', shape: [rows, 1, 28, 28], data: new Array(rows * 784).fill(0.5) },
  ],
}
const message = (characters: number) => [{ role: 'user', content: 'ab '.repeat(characters / 3) }]

const infer = 'v2/models/digits/infer'
const imagesWithin5s = { ...images, parameters: { timeout: 5_000_000 } }

const requests: [string, string, object, string, number, string?][] = [
  ['a large infer request', 'v2/models/digits/infer', images, 'readTensors', 30_000],
  [
    'a large infer request with a timeout',
    'v2/models/digits/infer',
    { ...images, parameters: { timeout: 5_000_000 } },
    'readTensors',
    5_000,
  ],
  [
    'a large chat',
    'v1/chat/completions',
    { model: 'bard', messages: message(30_000), user: 'x'.repeat(70_000) },
    'readText',
    600_000,
  ],
  [
    'a chat with a long prompt',
    'v1/chat/completions',
    { model: 'bard', messages: message(6_000) },
    'tokenize',
    600_000,
  ],
  [
    'a completion with a long prompt',
    'v1/completions',
    { model: 'bard', prompt: 'ab '.repeat(2_000) },
    'tokenize',
    600_000,
  ],
  ['its header is longer than the default', infer, images, 'readTensors', 40_000, '40'],
  ['its header is the least', infer, imagesWithin5s, 'readTensors', 2_500, '2.5'],
  ['its timeout is the least', infer, imagesWithin5s, 'readTensors', 5_000, '1e2'],
  ['the longest is the least', infer, images, 'readTensors', 600_000, '9000'],
  [
    'a text has a header',
    'v1/completions',
    { model: 'bard', prompt: 'ab '.repeat(2_000) },
    'tokenize',
    2_000,
    '2',
  ],
]

describe('the deadline of a request passes while it is read:', () => {
  test.each(requests)('%s', async (_what, path, body, task, deadlineMs, header) => {
    const { post, clock, begun } = await start()
    const answer = post(path, json(body, header))
    expect(await begun).toBe(task)
    let isAnswered = false
    void answer.then(() => {
      isAnswered = true
    })
    clock.advance(deadlineMs - 1)
    await new Promise(setImmediate)
    expect(isAnswered).toBe(false)
    clock.advance(1)
    const { status, headers } = await answer
    expect([status, headers.get(errorCodeHeader)]).toEqual([503, 'deadline_exceeded'])
  })
})

describe('where reading a request has taken all of its time,', () => {
  const tensor = { ...images.inputs[0], parameters: { timeout: 1 } }
  test.each([
    // Before it is parsed nothing tells which of the two timeouts counts.
    [
      'it is not run',
      'v2/models/digits/infer',
      { inputs: [tensor], parameters: { timeout: 5_000_000 } },
      5_000,
    ],
    ['its text is not begun', 'v1/completions', { model: 'bard', prompt: 'ab '.repeat(2_000) }, 600_000],
  ])('%s', async (_what, path, body, deadlineMs) => {
    const post = await startSlow(deadlineMs)
    const { status, headers } = await post(path, json(body))
    expect([status, headers.get(errorCodeHeader)]).toEqual([503, 'deadline_exceeded'])
  })
})

describe('the header Request-Timeout', () => {
  test.each(['0', '-1', 'soon', '1.2.3', '', '1e999', '5, 6', '0x10', 'Infinity'])(
    'is refused as "%s"',
    async (value) => {
      app ??= await startTestApp({})
      for (const path of [infer, 'v1/completions', 'v1/embeddings']) {
        const response = await app.request(path, json({}, value))
        expect([response.status, response.headers.get(errorCodeHeader)]).toEqual([400, 'request_malformed'])
        expect(await response.text()).toContain('Request-Timeout')
      }
    },
  )

  test('decides with the queue before the body is read', async () => {
    app = await startTestApp({})
    const refusal = vi.spyOn(app.inference, 'refusal')
    await app.request(infer, json({}, '0.25'))
    expect(refusal).toHaveBeenCalledWith(expect.anything(), expect.objectContaining({ deadlineMs: 250 }))
  })
})

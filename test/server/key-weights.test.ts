import { expect, test, vi } from 'vitest'
import { createAccess } from '../../server/auth/access.ts'
import { Keys } from '../../server/auth/keys.ts'
import { Tokens } from '../../server/auth/tokens.ts'
import { bearer, type TestKey, testKey, writeKeys } from '../support/keys-file.ts'
import { listen } from '../support/listen.ts'
import { startServer } from '../support/server.ts'
import { startTestApp } from '../support/test-app.ts'

const paying = testKey('paying', { weight: 4 })
const other = testKey('other')

function infer(url: URL, { key }: TestKey, parameters?: object): Promise<Response> {
  const data = new Array(784).fill(0.5)
  const inputs = [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data }]
  return fetch(new URL('v2/models/digits/infer', url), {
    method: 'POST',
    headers: bearer(key),
    body: JSON.stringify({ inputs, parameters }),
  })
}

test('a key of weight 4 has four places of a full queue for one of another key', async () => {
  const server = await startServer({
    SPILLWAY_KEYS: await writeKeys(paying, other),
    SPILLWAY_MAX_QUEUED: '5',
    // The lanes stay frozen for as long as this machine takes.
    SPILLWAY_HUNG_SECONDS: '600',
  })
  try {
    const resume = server.freezeLanes()
    const refused = new Map<TestKey, number>()
    const ask = async (key: TestKey) => {
      const { status } = await infer(server.url, key)
      if (status === 503) refused.set(key, (refused.get(key) ?? 0) + 1)
      return status
    }
    // Some are in lanes, as many as came together; five wait, and the others are refused.
    const many: Promise<number>[] = []
    await expect
      .poll(() => {
        many.push(ask(other))
        return refused.get(other) ?? 0
      })
      .toBeGreaterThanOrEqual(4)
    const before = refused.get(other) ?? 0
    const paid = Array.from({ length: 6 }, () => ask(paying))
    await expect.poll(() => refused.get(paying)).toBe(2)
    await expect.poll(() => refused.get(other)).toBeGreaterThanOrEqual(before + 4)
    resume()
    expect((await Promise.all(paid)).filter((status) => status === 200)).toHaveLength(4)
    expect(await Promise.all(many)).toContain(200)
  } finally {
    await server.stop()
  }
})

test('a key’s requests have no higher priority than its entry allows', async () => {
  const modest = testKey('modest', { highestPriority: 'normal' })
  const app = await startTestApp({
    access: createAccess(
      new Keys([paying.entry, modest.entry]),
      new Tokens({ secret: undefined, seconds: 600 }),
    ),
  })
  const { url, close } = await listen(app, app.options)
  try {
    const run = vi.spyOn(app.inference, 'run')
    const priority = 1
    expect((await infer(url, modest, { priority })).status).toBe(200)
    expect((await infer(url, paying, { priority })).status).toBe(200)
    expect(run.mock.calls.map(([, , wait]) => wait)).toMatchObject([
      { priority: 'normal', caller: 'key modest' },
      { priority: 'high', caller: 'key paying', weight: 4 },
    ])
  } finally {
    await close()
    app.close()
  }
})

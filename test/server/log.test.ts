import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { startServer } from '../support/server.ts'

const isLive = async (url: URL) => (await fetch(new URL('v2/health/live', url))).status

/** More lines than a pipe and the streams at its ends hold. */
const askOften = async (url: URL) => {
  for (let round = 0; round < 50; round++) await Promise.all(Array.from({ length: 50 }, () => isLive(url)))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : expect.fail('No port')
}

describe('the log', () => {
  test('that nobody reads for a while holds up neither requests nor the shutdown', async () => {
    const server = await startServer()
    server.pauseLog()
    await askOften(server.url)
    expect(await isLive(server.url)).toBe(200)
    expect(await server.stop()).toBe(0)
  })

  test.skipIf(!existsSync('/dev/full'))('on a full disk holds up neither', async () => {
    const port = await freePort()
    const full = openSync('/dev/full', 'w')
    const main = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url))
    const child = spawn(process.execPath, [main], {
      env: { PATH: process.env.PATH, PORT: String(port) },
      stdio: ['ignore', full, 'ignore'],
    })
    closeSync(full)
    try {
      const url = new URL(`http://127.0.0.1:${port}`)
      await expect.poll(() => isLive(url).catch(() => 0), { timeout: 30_000 }).toBe(200)
      await askOften(url)
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
    } finally {
      child.kill('SIGKILL')
    }
  })
})

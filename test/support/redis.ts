import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { createRedisStore, type RateStore } from '../../server/auth/limits/rate-store.ts'
import { emptyFolder } from './test-models.ts'

/** Why tests with a Redis are skipped, for their titles; empty where they are not. */
export const noRedis = spawnSync('redis-server', ['--version']).error
  ? ' (skipped: redis-server is not installed)'
  : ''

/** @param closers Gets the function that ends it. */
export async function startRedis(closers: (() => unknown)[]) {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  const folder = await emptyFolder()
  const redis = spawn('redis-server', ['--port', String(port), '--save', '', '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  closers.push(() => redis.kill('SIGKILL'))
  let output = ''
  redis.stdout.on('data', (part) => {
    output += part
  })
  await expect.poll(() => output).toContain('Ready to accept connections')
  return { url: `redis://127.0.0.1:${port}`, kill: () => redis.kill('SIGKILL') }
}

/** The counts of a server, once it has reached the Redis. */
export async function connectedStore(url: string, keptMs?: number): Promise<RateStore> {
  let isReady = false
  const reports = {
    warn: () => {},
    info: () => {
      isReady = true
    },
  }
  const store = await createRedisStore(url, reports, systemClock, keptMs)
  await expect.poll(() => isReady).toBe(true)
  return store
}

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { emptyFolder } from '../support/test-models.ts'
import { atLeast, type Bench, median } from './bench-definition.ts'
import { ofCallers } from './infer-requests.ts'
import { magikaFolder } from './models.ts'
import { buildServers } from './servers/build.ts'
import { type Client, startClient } from './servers/start.ts'

/**
 * Connections of the closed loops; the one that gives most is a side's rate. With more than it needs a server refuses, and
 * refusals that are asked again at once take the core from the runs.
 */
const concurrencies = [2, 4, 8, 16, 32]
const rounds = 3

const missing = ['nginx', 'taskset'].find((command) => spawnSync(command, ['-V']).error)
const absent =
  missing !== undefined
    ? `${missing} is not installed`
    : availableParallelism() < 2
      ? 'there is one core'
      : undefined

export const processes: Bench = {
  name: 'processes',
  description: `magika, the best of ${concurrencies.join(', ')} connections: two servers behind nginx, each on a core of its own, against one of them behind the same nginx`,
  run: async ({ models, isTrial }) => {
    if (absent !== undefined) {
      process.stderr.write(`  skipped: ${absent}\n`)
      return []
    }
    const { client: file } = await buildServers()
    const env = { SPILLWAY_MODELS: await magikaFolder(models) }
    const onCore = (core: number) => startServer(env, undefined, ['taskset', '-c', String(core)])
    const servers = [await onCore(0), await onCore(1)]
    for (const server of servers) server.dropLog()
    const sides = { ours: await startNginx(servers), theirs: await startNginx(servers.slice(0, 1)) }
    const client = startClient(file)
    const rates = { ours: [] as number[], theirs: [] as number[] }
    for (let round = 0; round <= rounds; round++) {
      for (const name of ['ours', 'theirs'] as const) {
        const rate = await rateOf(client, sides[name].url, isTrial ? 1 : 5)
        // The first round warms up.
        if (round > 0) rates[name].push(rate)
      }
    }
    client.stop()
    for (const { stop } of Object.values(sides)) await stop()
    await Promise.all(servers.map((server) => server.stop()))
    const compared = { ours: median(rates.ours), theirs: median(rates.theirs) }
    return [atLeast('processes', 'magika, requests/s', compared, 1.7)]
  },
}

/** Answers a second. */
async function rateOf(client: Client, url: URL, seconds: number): Promise<number> {
  let best = 0
  for (const connections of concurrencies) {
    const requests = ofCallers(url, 20)
    const done = await client.load({ port: Number(url.port), requests, connections, seconds })
    const others = Object.keys(done.statuses).filter((status) => status !== '200' && status !== '503')
    if (done.broken + others.length > 0)
      throw new Error(`${done.broken} broken, ${JSON.stringify(done.statuses)}`)
    best = Math.max(best, done.inTime / done.seconds)
  }
  return best
}

async function startNginx(replicas: readonly TestServer[]) {
  const folder = await emptyFolder()
  const port = await freePort()
  const path = join(folder, 'nginx.conf')
  await writeFile(
    path,
    `worker_processes 1;
pid ${join(folder, 'pid')};
events { worker_connections 4096; }
http {
  access_log off;
  upstream spillway {
    least_conn;
    ${replicas.map(({ url }) => `server ${url.hostname === 'localhost' ? '127.0.0.1' : url.hostname}:${url.port};`).join('\n    ')}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port};
    client_body_buffer_size 1m;
    location / {
      proxy_pass http://spillway;
      proxy_http_version 1.1;
      proxy_set_header connection '';
    }
  }
}
`,
  )
  const child = spawn('nginx', ['-c', path, '-g', 'daemon off; error_log stderr;'], { stdio: 'ignore' })
  const url = new URL(`http://127.0.0.1:${port}`)
  // It listens a moment after its start.
  for (let tries = 0; tries < 100; tries++) {
    if (await fetch(new URL('v2/health/live', url)).catch(() => undefined)) break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    url,
    stop: async () => {
      child.kill()
      await once(child, 'exit')
    },
  }
}

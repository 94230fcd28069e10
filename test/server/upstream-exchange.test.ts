import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { SpillwayError } from '../../models/core/index.ts'
import { exchange, readBytes, upstreamFetch } from '../../server/upstream/exchange.ts'
import { deferred } from '../support/deferred.ts'

const opened: Server[] = []
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllEnvs()
  for (const server of opened.splice(0)) server.close().closeAllConnections()
})

async function serve(answer: RequestListener): Promise<URL> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  opened.push(server)
  await once(server, 'listening')
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v2`)
}

const { signal } = new AbortController()

test('an answer may take longer than the HTTP client would wait by itself', async () => {
  const asked = deferred<ServerResponse>()
  const url = await serve((_, response) => asked.resolve(response))
  // Those of the client: the sockets are real.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const exchanged = exchange(url, { signal })
  const answer = await asked.promise
  await vi.advanceTimersByTimeAsync(400_000)
  answer.writeHead(200).write('half')
  const response = await exchanged
  await vi.advanceTimersByTimeAsync(400_000)
  answer.end('whole')
  expect(new TextDecoder().decode(await readBytes(response, signal))).toBe('halfwhole')
})

test('requests do not wait for each other’s connections', async () => {
  const all = deferred<void>()
  const waiting: ServerResponse[] = []
  const url = await serve((_, response) => {
    if (waiting.push(response) === 300) all.resolve()
  })
  const answers = Array.from({ length: 300 }, async () => readBytes(await exchange(url, { signal }), signal))
  await all.promise
  for (const response of waiting) response.end('done')
  expect(new Set((await Promise.all(answers)).map(String))).toEqual(
    new Set([String(new TextEncoder().encode('done'))]),
  )
})

test('a redirect is not followed: the key is for the address that is named', async () => {
  let followed = 0
  const elsewhere = await serve((_, response) => {
    followed++
    response.end()
  })
  const url = await serve((_, response) => response.writeHead(307, { location: elsewhere.href }).end())
  const headers = { authorization: 'Bearer secret' }
  await expect(upstreamFetch(url, { headers, signal })).rejects.toMatchObject({
    code: 'server_unreachable',
    message: expect.stringContaining('status 307'),
  })
  expect(followed).toBe(0)
})

test('an address that refuses connections is named with the reason', async () => {
  const url = await serve(() => {})
  opened[0]?.close()
  for (const address of [url.href, url.href.replace('127.0.0.1', 'localhost')])
    await expect(exchange(new URL(address), { signal })).rejects.toMatchObject({
      code: 'server_unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    })
})

test('an abort ends the connection and rejects with its reason', async () => {
  const closed = deferred<void>()
  const url = await serve((request) => request.socket.once('close', () => closed.resolve()))
  const controller = new AbortController()
  const exchanged = exchange(url, { signal: controller.signal })
  await once(opened[0] ?? expect.fail(), 'request')
  const reason = new SpillwayError('aborted', 'The caller has left')
  controller.abort(reason)
  await expect(exchanged).rejects.toBe(reason)
  await closed.promise
})

test('requests go through the proxy of the environment where Node is told so', async () => {
  const tunnels: string[] = []
  const { origin: proxy } = await serve(() => {})
  opened[0]?.on('connect', (request, socket) => {
    tunnels.push(request.url ?? '')
    const [host, port] = (request.url ?? '').split(':')
    const there = connect(Number(port), host, () => socket.write('HTTP/1.1 200 Connected\r\n\r\n'))
    socket.pipe(there).pipe(socket)
  })
  const url = await serve((_, response) => response.end('there'))
  vi.stubEnv('HTTP_PROXY', proxy)
  const get = async () => {
    // Its connections are opened once.
    vi.resetModules()
    const { exchange, readText } = await import('../../server/upstream/exchange.ts')
    return readText(await exchange(url, { signal }), signal)
  }
  expect(await get()).toBe('there')
  expect(tunnels).toEqual([])
  vi.stubEnv('NODE_USE_ENV_PROXY', '1')
  expect(await get()).toBe('there')
  expect(tunnels).toEqual([url.host])
})

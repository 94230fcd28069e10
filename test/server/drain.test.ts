import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { isAlive, startServer, type TestServer } from '../support/server.ts'

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** One request on a connection of its own or on an agent's, as Node sends it: `fetch` hides the connection's headers. */
async function post(server: TestServer, path: string, body?: object, agent?: Agent): Promise<Answer> {
  const sent = httpRequest(new URL(path, server.url), {
    method: body ? 'POST' : 'GET',
    agent: agent ?? false,
  })
  sent.end(body && JSON.stringify(body))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

const digits = (server: TestServer, agent?: Agent) =>
  post(
    server,
    'v2/models/digits/infer',
    {
      inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 1, 28, 28], data: new Array(784).fill(0.5) }],
    },
    agent,
  )

const stream = (server: TestServer, maxTokens: number) =>
  post(server, 'v1/completions', {
    model: 'bard',
    prompt: 'Once',
    max_tokens: maxTokens,
    ignore_eos: true,
    stream: true,
  })

const eventsOf = ({ body }: Answer) =>
  body.split('\n\n').flatMap((event) => (event.startsWith('data: ') ? [event.slice(6)] : []))

const metric = async (server: TestServer, name: string) => {
  const { body } = await post(server, 'metrics')
  return Number(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'm').exec(body)?.[1] ?? 0)
}

const hasDrained = (server: TestServer) =>
  expect.poll(() => server.log.map(({ msg }) => msg)).toContain('SIGTERM: finishing requests in flight')

describe('a server that gets SIGTERM', () => {
  test('is not ready at once, answers 60 requests and 20 streams in flight, and then ends', async () => {
    // Lanes that stand still make runs look long.
    const server = await startServer({ SPILLWAY_BURST_MS: '60000' })
    await digits(server)
    await stream(server, 1)
    const streams = Array.from({ length: 20 }, () => stream(server, 60))
    await expect.poll(() => metric(server, 'vllm:num_requests_running')).toBeGreaterThan(0)
    const resume = server.freezeLanes()
    const agent = new Agent({ keepAlive: true, maxSockets: 60 })
    const runs = Array.from({ length: 60 }, () => digits(server, agent))
    // A connection that was opened before, and is used again meanwhile.
    const kept = new Agent({ keepAlive: true, maxSockets: 1 })
    await post(server, 'v2', undefined, kept)
    const code = server.stop()
    await hasDrained(server)
    const ready = await post(server, 'v2/health/ready', undefined, kept)
    expect(ready.status).toBe(503)
    expect(ready.headers).toMatchObject({ connection: 'close', 'spillway-error': 'server_draining' })
    expect((await post(server, 'v2/health/live')).status).toBe(200)
    const late = digits(server)
    resume()
    for (const { status, headers } of await Promise.all([...runs, late])) {
      expect(status).toBe(200)
      expect(headers.connection).toBe('close')
    }
    for (const answer of await Promise.all(streams)) {
      expect(answer.status).toBe(200)
      expect(eventsOf(answer).at(-1)).toBe('[DONE]')
    }
    expect(await code).toBe(0)
  })

  test('tells what is left after its drain time to go elsewhere', async () => {
    const server = await startServer({ SPILLWAY_DRAIN_SECONDS: '1', SPILLWAY_HUNG_SECONDS: '600' })
    await stream(server, 1)
    const streams = Array.from({ length: 4 }, () => stream(server, 200))
    await expect.poll(() => metric(server, 'vllm:generation_tokens_total')).toBeGreaterThan(4)
    server.freezeLanes()
    const run = digits(server)
    // The request before it on another connection has been read.
    await post(server, 'v2')
    expect(await server.stop()).toBe(0)
    for (const answer of await Promise.all(streams)) {
      expect(answer.status).toBe(200)
      const { error } = JSON.parse(eventsOf(answer).at(-1) ?? '{}')
      expect(error).toMatchObject({ code: 'server_draining', type: 'server_error', retry_after_ms: 1_000 })
      expect(error.message).toContain('another replica takes it')
    }
    const { status, headers } = await run
    expect(status).toBe(503)
    expect(headers).toMatchObject({ 'spillway-error': 'server_draining', 'retry-after': '1' })
  })

  test('ends at once at a second signal, which is not the same Ctrl-C passed on', async () => {
    const server = await startServer({ SPILLWAY_HUNG_SECONDS: '600' })
    const resume = server.freezeLanes()
    const run = digits(server).catch(() => undefined)
    await post(server, 'v2')
    process.kill(server.pid, 'SIGINT')
    process.kill(server.pid, 'SIGINT')
    expect((await post(server, 'v2/health/live')).status).toBe(200)
    const hasEnded = () => {
      if (!isAlive(server.pid)) return true
      // Until one comes later than signals of one Ctrl-C are apart.
      process.kill(server.pid, 'SIGINT')
      return false
    }
    await expect.poll(hasEnded).toBe(true)
    resume()
    expect(await server.stop()).toBe(1)
    await run
  })
})

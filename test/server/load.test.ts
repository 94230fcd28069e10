import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import type { Tensor } from '../../models/core/index.ts'
import { errorCodeHeader } from '../../models/protocols/oip.ts'
import { binaryTensor, elementBytes, joinBody, jsonLengthHeader } from '../../models/protocols/oip-binary.ts'
import type { ProcessLane } from '../../workers/host/lane-client/node/start-process-lane.ts'
import { deferred } from '../support/deferred.ts'
import { processLane } from '../support/process-lane.ts'
import { seeded } from '../support/seeded.ts'
import { isAlive } from '../support/server.ts'
import { startTestApp, type TestApp } from '../support/test-app.ts'

interface Harness {
  readonly url: URL
  readonly app: TestApp
  readonly server: ServerType
  /** In the order in which they were started. */
  readonly lanes: readonly ProcessLane[]
  /** Rows of each batch that was sent to a lane. */
  readonly batches: number[]
  /** Holds the lanes' answers back, so that they are busy; returns a function that releases them. */
  hold(): () => void
}

let harness: Harness
afterEach(async () => {
  harness.app.close()
  harness.server.close()
  if ('closeAllConnections' in harness.server) harness.server.closeAllConnections()
  await once(harness.server, 'close')
})

/** The server's app over real sockets and real lanes. */
async function listen(options: { maxQueued?: number; maxBodyBytes?: number } = {}): Promise<Harness> {
  const lanes: ProcessLane[] = []
  const batches: number[] = []
  let held: Promise<void> | undefined
  const startLane = () => {
    const lane = processLane(systemClock)
    lanes.push(lane)
    return {
      ...lane,
      run: async (batch: Parameters<typeof lane.run>[0]) => {
        const { image } = batch.inputs
        if (image) batches.push(image.shape[0] ?? 0)
        const reply = await lane.run(batch)
        await held
        return reply
      },
    }
  }
  const app = await startTestApp({ startLane, maxBodyBytes: 2 ** 25, ...options })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  batches.length = 0
  const url = new URL(`http://127.0.0.1:${port}/v2/models/digits/infer`)
  const hold = () => {
    const { promise, resolve } = deferred<void>()
    held = promise
    return resolve
  }
  harness = { url, app, server, lanes, batches, hold }
  return harness
}

const bodyOf = (rows: number, value: number, timeout?: number) =>
  JSON.stringify({
    ...(timeout === undefined ? {} : { parameters: { timeout } }),
    inputs: [
      { name: 'image', datatype: 'FP32', shape: [rows, 1, 28, 28], data: new Array(rows * 784).fill(value) },
    ],
  })

/** Resolves to a request's logits, to its error code, or to `gone` where the connection was cut. */
async function ask(url: URL, body: string, signal?: AbortSignal): Promise<number[] | string> {
  try {
    const response = await fetch(url, { method: 'POST', body, signal: signal ?? null })
    const answer = await response.json()
    return response.ok ? answer.outputs[0].data : (response.headers.get(errorCodeHeader) ?? 'no code')
  } catch {
    return 'gone'
  }
}

/** The answers on a raw socket. */
async function* answersOf(socket: Socket): AsyncGenerator<string, string> {
  let text = ''
  for await (const part of socket) {
    text += part
    const [, head = '', length = ''] = /^(.*?content-length: (\d+)\r\n(?:.*?\r\n)??\r\n)/is.exec(text) ?? []
    const end = head.length + Number(length)
    if (head === '' || text.length < end) continue
    yield text.slice(0, end)
    text = text.slice(end)
  }
  return text
}

/** Cuts every connection, in the middle of whatever goes over it. */
const cut = () => 'closeAllConnections' in harness.server && harness.server.closeAllConnections()

/** Kinds of requests, and their allowed outcomes while only lanes fail. */
const allowedOutcomes = {
  fine: ['answered', 'overloaded'],
  wrong: ['input_size_invalid', 'overloaded'],
  'no model': ['model_unknown'],
  'no JSON': ['request_malformed', 'overloaded'],
  late: ['answered', 'overloaded', 'deadline_exceeded'],
  leaves: ['answered', 'overloaded', 'gone'],
} as const
type Kind = keyof typeof allowedOutcomes
/** Drawn from at random. */
const mix: readonly Kind[] = ['fine', 'fine', 'fine', 'wrong', 'no model', 'no JSON', 'late', 'leaves']

/** Further allowed outcomes after connections were cut, and after the server was closed. */
const phases = { open: [], cut: ['gone'], closed: ['gone', 'closed'] } as const

describe('the server under load', () => {
  test('settles every request with its own answer or a code, with clients that leave, deadlines, bad requests, lanes killed with kill -9, cut connections and its own end', {
    timeout: 120_000,
  }, async () => {
    const { url, app, lanes } = await listen({ maxQueued: 100 })
    const random = seeded(4)
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] ?? expect.fail()
    const values = [0, 0.25, 0.5, 1]
    const expected = new Map<number, readonly number[]>()
    for (const value of values) {
      const logits = await ask(url, bodyOf(1, value))
      expected.set(value, typeof logits === 'string' ? expect.fail(logits) : logits)
    }
    const isRight = (logits: readonly number[], value: number, rows: number) =>
      logits.length === rows * 10 &&
      logits.every((logit, index) => Math.abs(logit - (expected.get(value)?.[index % 10] ?? 0)) < 1e-3)

    let phase: keyof typeof phases = 'open'
    const send = async (kind: Kind, value: number, rows: number) => {
      const leaving = new AbortController()
      if (kind === 'leaves') setTimeout(() => leaving.abort(), random() * 20)
      const bodies = {
        fine: bodyOf(rows, value),
        leaves: bodyOf(rows, value),
        'no model': bodyOf(rows, value),
        'no JSON': bodyOf(rows, value).slice(0, -2),
        late: bodyOf(rows, value, 1 + Math.floor(random() * 20_000)),
        wrong: bodyOf(rows, value).replace('28,28]', '28,27]'),
      }
      const at = kind === 'no model' ? new URL('../nothing/infer', url) : url
      const outcome = await ask(at, bodies[kind], leaving.signal)
      const got =
        typeof outcome === 'string' ? outcome : isRight(outcome, value, rows) ? 'answered' : 'a wrong answer'
      return { kind, phase, got }
    }

    const total = 2_400
    const outcomes: ReturnType<typeof send>[] = []
    let killed: Promise<unknown> = Promise.resolve()
    for (let index = 0; index < total; index++) {
      outcomes.push(send(pick(mix), pick(values), pick([1, 2, 4, 8])))
      if (index % 8 === 7) await new Promise((resolve) => setTimeout(resolve, 3 + random() * 10))
      if (index % 600 === 300) {
        // No request may be in flight at two kills: it would be refused as poisoned.
        await killed
        for (const { pid = 0 } of lanes) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
        killed = Promise.all(outcomes)
      }
      if (index === 1_800) phase = 'cut'
      if (index === 1_820) cut()
      if (index === 2_300) {
        phase = 'closed'
        app.close()
      }
    }
    const settled = await Promise.all(outcomes)
    for (const { kind, phase, got } of settled)
      expect([...allowedOutcomes[kind], ...phases[phase]], `${kind}, ${phase}`).toContain(got)
    const outcomesSeen = new Set(settled.map(({ got }) => got))
    for (const got of ['answered', 'deadline_exceeded', 'gone', 'closed']) expect(outcomesSeen).toContain(got)
    expect(settled).toHaveLength(total)
    expect(lanes.length).toBeGreaterThan(3)
    expect(app.inference.stats()).toMatchObject({ queued: 0, running: 0 })
  })

  test('refuses a request past its bound at once, with retry-after, and answers those it has accepted', async () => {
    const { url, app, batches, hold } = await listen({ maxQueued: 3 })
    const release = hold()
    const long = ask(url, bodyOf(20, 0.5))
    await expect.poll(() => batches, { interval: 2 }).toEqual([20])
    const accepted = [1, 2, 3].map((rows) => ask(url, bodyOf(rows, 0.5)))
    await expect.poll(() => app.inference.stats().queued, { interval: 2 }).toBe(3)
    const response = await fetch(url, { method: 'POST', body: bodyOf(4, 0.5) })
    // The first run has not ended: the refusal did not wait.
    expect(app.inference.stats()).toMatchObject({ queued: 3, running: 1, isSaturated: true })
    expect(response.status).toBe(503)
    expect(response.headers.get(errorCodeHeader)).toBe('overloaded')
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect((await response.json()).error).toContain('expected fewer than 3 waiting, got 3 waiting, 1 running')
    release()
    expect((await long).length).toBe(200)
    expect((await Promise.all(accepted)).map(({ length }) => length)).toEqual([10, 20, 30])
  })

  test('refuses a request at a full queue before its body is read, and keeps the connection', async () => {
    const { url, app, batches, hold } = await listen({ maxQueued: 1 })
    const release = hold()
    const long = ask(url, bodyOf(20, 0.5))
    await expect.poll(() => batches, { interval: 2 }).toEqual([20])
    const accepted = ask(url, bodyOf(1, 0.5))
    await expect.poll(() => app.inference.stats().queued, { interval: 2 }).toBe(1)
    const socket = connect(Number(url.port), url.hostname)
    const answers = answersOf(socket)
    const body = 'no JSON, and not sent yet'
    socket.write(`POST ${url.pathname} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n`)
    const refusal = (await answers.next()).value
    expect(app.inference.stats()).toMatchObject({ queued: 1, running: 1 })
    expect(refusal).toMatch(/ 503 .*overloaded/s)
    expect(refusal).toMatch(/retry-after: \d+/)
    expect(refusal).toMatch(/spillway-queue-ms: \d/)
    socket.write(`${body}GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n`)
    expect((await answers.next()).value).toContain('"live":true')
    socket.destroy()
    release()
    expect((await Promise.all([long, accepted])).map(({ length }) => length)).toEqual([200, 10])
  })

  test('reads binary tensors from sockets, in one piece and in many', async () => {
    const { url } = await listen()
    const rows = 40
    const data = Float32Array.from({ length: rows * 784 }, (_, index) => (index % 7) / 8)
    const tensor: Tensor = { type: 'float32', shape: [rows, 1, 28, 28], data }
    const elements = elementBytes(tensor)
    const json = new TextEncoder().encode(
      JSON.stringify({ inputs: [binaryTensor('image', tensor, elements)] }),
    )
    const plain = JSON.stringify({
      inputs: [{ name: 'image', datatype: 'FP32', shape: tensor.shape, data: [...data] }],
    })
    const expected = await ask(url, plain)
    expect(expected.length).toBe(rows * 10)
    const whole = joinBody(json, [elements])
    const stream = new ReadableStream({
      start: (controller) => {
        for (let at = 0; at < whole.length; at += 9_999) controller.enqueue(whole.slice(at, at + 9_999))
        controller.close()
      },
    })
    for (const body of [whole, stream]) {
      const headers = { [jsonLengthHeader]: String(json.length) }
      const response = await fetch(url, { method: 'POST', headers, body, duplex: 'half' } as RequestInit)
      expect((await response.json()).outputs?.[0].data).toEqual(expected)
    }
  })

  test('never runs a request whose client leaves while it waits for a lane', async () => {
    const { url, app, batches, hold } = await listen()
    const release = hold()
    const long = ask(url, bodyOf(20, 0.5))
    await expect.poll(() => batches, { interval: 2 }).toEqual([20])
    const leaving = new AbortController()
    const gone = ask(url, bodyOf(7, 0.5), leaving.signal)
    const stays = ask(url, bodyOf(5, 0.5))
    await expect.poll(() => app.inference.stats().queued, { interval: 2 }).toBe(2)
    leaving.abort()
    expect(await gone).toBe('gone')
    await expect.poll(() => app.inference.stats().queued, { interval: 2 }).toBe(1)
    release()
    expect((await long).length).toBe(200)
    expect((await stays).length).toBe(50)
    expect(batches).toEqual([20, 5])
  })

  test('reads a body without a length no further than its limit, however long it is', async () => {
    const maxBodyBytes = 2 ** 20
    const { url } = await listen({ maxBodyBytes })
    const socket = connect(Number(url.port), url.hostname)
    await once(socket, 'connect')
    socket.write(`POST ${url.pathname} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`)
    const part = Buffer.alloc(2 ** 16, ' ')
    const chunk = Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')])
    let answer = ''
    socket.on('data', (data: Buffer) => {
      answer += data
    })
    socket.on('error', () => undefined)
    // A client that sends for as long as the server reads.
    const maxSent = 2 ** 26
    while (socket.bytesWritten < maxSent && !socket.destroyed && answer === '')
      if (!socket.write(chunk))
        await Promise.race([once(socket, 'drain'), once(socket, 'close'), once(socket, 'data')])
    expect(answer).toContain('413')
    expect(answer).toContain('body_too_large')
    // The limit, and what fits into the buffers of both sockets.
    expect(socket.bytesWritten).toBeLessThan(maxBodyBytes + 2 ** 24)
    socket.destroy()
  })
})

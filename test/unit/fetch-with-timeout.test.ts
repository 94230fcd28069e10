import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type BodyParts,
  type FetchOptions,
  fetchWithTimeout,
  streamWithTimeout,
} from '../../models/async/fetch-with-timeout.ts'
import { SpillwayError } from '../../models/core/index.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

const timeoutMs = 1_000

let server: Server
let url: URL
let answer: (response: ServerResponse) => void
let clock: ManualClock
let options: FetchOptions
/** The response that the server is sending. */
let sending: Promise<ServerResponse>

beforeEach(async () => {
  clock = createManualClock()
  options = {
    clock,
    timeoutMs,
    timeoutOf: 'exchange',
    onTimeout: () => new SpillwayError('server_timeout', 'too slow'),
    onFailure: (cause) => new SpillwayError('server_unreachable', 'no connection', {}, { cause }),
  }
  let started: (response: ServerResponse) => void
  sending = new Promise((resolve) => {
    started = resolve
  })
  server = createServer((_request, response) => {
    answer(response)
    started(response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
})

const text = async (_response: Response, parts: BodyParts) => {
  let read = ''
  for await (const part of parts) read += new TextDecoder().decode(part)
  return read
}

/** The first part of a body that never ends. */
const begin = (response: ServerResponse) => {
  response.write('a')
}
const silent = () => {}

/** Resolves when the client has closed the connection. */
const connectionClosed = async () => {
  const response = await sending
  if (!response.closed) await once(response, 'close')
}

describe('an exchange', () => {
  test('resolves to what its caller makes of the response', async () => {
    answer = (response) => response.writeHead(201, { 'x-test': 'yes' }).end('hello')
    const read = fetchWithTimeout(url, options, async (response, parts) => [
      response.status,
      response.headers.get('x-test'),
      await text(response, parts),
    ])
    expect(await read).toEqual([201, 'yes', 'hello'])
  })

  test('sends the request that it is given', async () => {
    let method: string | undefined
    server.on('request', (request) => {
      method = request.method
    })
    answer = (response) => response.end()
    await fetchWithTimeout(url, { ...options, request: { method: 'POST', body: 'x' } }, text)
    expect(method).toBe('POST')
  })

  test('leaves no timer and no listener behind', async () => {
    answer = (response) => response.end('hello')
    const signal = new AbortController().signal
    let listeners = 0
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++
      addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--
      removeEventListener.apply(signal, args)
    }
    let timers = 0
    const counting = {
      now: clock.now,
      after: (ms: number, task: () => void) => {
        timers++
        const cancel = clock.after(ms, task)
        return () => {
          timers--
          cancel()
        }
      },
    }
    await fetchWithTimeout(url, { ...options, clock: counting, signal }, text)
    expect(listeners).toBe(0)
    expect(timers).toBe(0)
  })

  test('gives up a body that its caller does not read to the end', async () => {
    answer = begin
    expect(await fetchWithTimeout(url, options, async ({ status }) => status)).toBe(200)
    await connectionClosed()
  })

  test('passes on an error of its caller, and gives up the body', async () => {
    answer = begin
    const refuse = async () => {
      throw new SpillwayError('file_altered', 'wrong')
    }
    await expect(fetchWithTimeout(url, options, refuse)).rejects.toMatchObject({ code: 'file_altered' })
    await connectionClosed()
  })

  test('that cannot be made fails with the reason', async () => {
    server.close()
    const failure = fetchWithTimeout(new URL('http://127.0.0.1:1/'), options, text)
    await expect(failure).rejects.toMatchObject({ code: 'server_unreachable', cause: expect.any(TypeError) })
  })

  test('that is cut within the body fails with the reason', async () => {
    answer = (response) => response.write('a', () => response.destroy())
    await expect(fetchWithTimeout(url, options, text)).rejects.toMatchObject({ code: 'server_unreachable' })
  })
})

describe('a caller that aborts', () => {
  test.each([
    ['before the headers', silent],
    ['within the body', begin],
  ])('%s ends the exchange', async (_when, respond) => {
    answer = respond
    const controller = new AbortController()
    const read = fetchWithTimeout(url, { ...options, signal: controller.signal }, text)
    await sending
    controller.abort()
    await expect(read).rejects.toMatchObject({ code: 'aborted' })
    await connectionClosed()
  })

  test('before the request sends none', async () => {
    let requests = 0
    server.on('request', () => requests++)
    answer = (response) => response.end()
    const read = fetchWithTimeout(url, { ...options, signal: AbortSignal.abort() }, text)
    await expect(read).rejects.toMatchObject({ code: 'aborted' })
    expect(requests).toBe(0)
  })
})

describe('a timeout', () => {
  test.each([
    ['before the headers', silent],
    ['within the body', begin],
  ])('of the exchange ends it %s', async (_when, respond) => {
    answer = respond
    const read = fetchWithTimeout(url, options, text)
    await sending
    clock.advance(timeoutMs)
    await expect(read).rejects.toMatchObject({ code: 'server_timeout' })
    await connectionClosed()
  })

  test('of silences starts again with the headers and with each part', async () => {
    answer = (response) => response.flushHeaders()
    const read: string[] = []
    const reading = fetchWithTimeout(url, { ...options, timeoutOf: 'silence' }, async (_response, parts) => {
      read.push('headers')
      for await (const part of parts) read.push(new TextDecoder().decode(part))
    })
    const response = await sending
    await expect.poll(() => read).toEqual(['headers'])
    for (const part of ['a', 'b', 'c']) {
      clock.advance(timeoutMs - 1)
      response.write(part)
      await expect.poll(() => read.at(-1)).toBe(part)
    }
    clock.advance(timeoutMs)
    await expect(reading).rejects.toMatchObject({ code: 'server_timeout' })
  })

  test('of the exchange does not start again with a part', async () => {
    answer = begin
    let parts = 0
    const reading = fetchWithTimeout(url, options, async (_response, body) => {
      for await (const _part of body) parts++
    })
    await expect.poll(() => parts).toBe(1)
    clock.advance(timeoutMs)
    await expect(reading).rejects.toMatchObject({ code: 'server_timeout' })
  })
})

describe('a streamed exchange', () => {
  async function* letters(_response: Response, parts: BodyParts) {
    for await (const part of parts) yield* new TextDecoder().decode(part)
  }

  test('yields what its caller makes of the response', async () => {
    answer = (response) => response.end('abc')
    const read: string[] = []
    for await (const letter of streamWithTimeout(url, options, letters)) read.push(letter)
    expect(read).toEqual(['a', 'b', 'c'])
  })

  test('ends when its reader leaves the loop', async () => {
    answer = begin
    for await (const letter of streamWithTimeout(url, options, letters)) {
      expect(letter).toBe('a')
      break
    }
    await connectionClosed()
  })

  test('fails after what came when it is cut', async () => {
    answer = (response) => response.write('ab', () => response.destroy())
    const read: string[] = []
    const reading = (async () => {
      for await (const letter of streamWithTimeout(url, options, letters)) read.push(letter)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'server_unreachable' })
    expect(read).toEqual(['a', 'b'])
  })
})

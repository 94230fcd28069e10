import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { streamEvents } from '../../web/remote/event-stream.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

const silenceMs = 1_000

let server: Server
let url: URL
let clock: ManualClock
let answer: (response: ServerResponse) => void

beforeEach(async () => {
  clock = createManualClock()
  server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/completions`)
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const eventStream = (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })

/** The events up to the end, or up to the error. */
async function read(into: unknown[] = []): Promise<unknown[]> {
  for await (const event of streamEvents(url, { clock, silenceMs, body: {} })) into.push(event)
  return into
}

describe('a stream of events', () => {
  test('is yielded up to [DONE], wherever its bytes are cut', async () => {
    const bytes = Buffer.from(
      ': a comment\n\ndata: {"text":"né"}\r\n\r\ndata: {"text":\ndata: "b"}\n\ndata: [DONE]\n\n',
    )
    for (let cut = 1; cut < bytes.length; cut += 7) {
      answer = (response) => {
        eventStream(response).write(bytes.subarray(0, cut))
        setTimeout(() => response.end(bytes.subarray(cut)), 2)
      }
      expect(await read()).toEqual([{ text: 'né' }, { text: 'b' }])
    }
  })

  test('that ends before [DONE] was cut', async () => {
    answer = (response) => eventStream(response).end('data: {"n":1}\n\n')
    const events: unknown[] = []
    await expect(read(events)).rejects.toMatchObject({ code: 'server_unreachable' })
    expect(events).toEqual([{ n: 1 }])
  })

  test('fails with the error that the server sends within it', async () => {
    const error = { message: 'full', type: 'server_error', code: 'overloaded', param: null }
    answer = (response) => eventStream(response).end(`data: ${JSON.stringify({ error })}\n\n`)
    await expect(read()).rejects.toMatchObject({ code: 'overloaded', message: 'full' })
  })

  test('fails after a silence', async () => {
    answer = (response) => eventStream(response).write('data: {"n":1}\n\n')
    const events: unknown[] = []
    const reading = read(events)
    await expect.poll(() => events).toEqual([{ n: 1 }])
    clock.advance(silenceMs)
    await expect(reading).rejects.toMatchObject({ code: 'server_timeout' })
  })

  test.each<[string, (response: ServerResponse) => void, string]>([
    ['JSON in place of events', (response) => response.end('{}'), 'server_response_invalid'],
    [
      'an event that is not JSON',
      (response) => eventStream(response).end('data: <html>\n\n'),
      'server_response_invalid',
    ],
    ['status 429', (response) => response.writeHead(429).end('{"error":{"message":"full"}}'), 'overloaded'],
    ['status 429 without JSON', (response) => response.writeHead(429).end('full'), 'overloaded'],
  ])('is refused: %s', async (_what, respond, code) => {
    answer = respond
    await expect(read()).rejects.toMatchObject({ code })
  })
})

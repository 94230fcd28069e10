import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { noHeaders, type RequestHeaders, traceHeaders } from '../../web/remote/request-headers.ts'
import { serverSegment } from '../../web/text/stream-segments.ts'
import { Continuation } from '../../web/text/text-continuation.ts'
import { digitsManifest } from '../support/test-models.ts'

const seen: unknown[] = []
const timeouts: unknown[] = []
const server = createServer((request, response) => {
  seen.push(request.headers.traceparent)
  timeouts.push(request.headers['request-timeout'])
  response.setHeader('content-type', 'text/event-stream').end('data: [DONE]\n\n')
})
const segmentWith = (headers: RequestHeaders) => {
  const { port } = server.address() as AddressInfo
  return serverSegment(
    new URL(`http://127.0.0.1:${port}`),
    { manifest: digitsManifest },
    systemClock,
    headers,
  )
}
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.close()
})

test('a text on the server is asked for with the span that the page has then', async () => {
  const spans = ['b7ad6b7169203331', 'c7ad6b7169203331']
  const headers = traceHeaders(() => `00-0af7651916cd43dd8448eb211c80319c-${spans.shift()}-01`)
  const segment = segmentWith(headers)
  for (let text = 0; text < 3; text++)
    for await (const _ of segment.stream(new Continuation({ prompt: 'Once', seed: 1 }), {}))
      expect.fail('A piece')
  expect(seen).toEqual([
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01',
    // No span: the header is absent.
    undefined,
  ])
})

test('a text on the server tells it the time that it has left, where it has a deadline', async () => {
  timeouts.length = 0
  for (const deadlineMs of [1_500, undefined])
    for await (const _ of segmentWith(noHeaders).stream(new Continuation({ prompt: 'Once', seed: 1 }), {
      deadlineMs,
    }))
      expect.fail('A piece')
  expect(timeouts).toEqual(['1.5', undefined])
})

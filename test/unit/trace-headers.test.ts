import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../models/async/clock.ts'
import { traceHeaders } from '../../web/remote/request-headers.ts'
import { serverSegment } from '../../web/text/stream-segments.ts'
import { Continuation } from '../../web/text/text-continuation.ts'
import { digitsManifest } from '../support/test-models.ts'

const seen: unknown[] = []
const server = createServer((request, response) => {
  seen.push(request.headers.traceparent)
  response.setHeader('content-type', 'text/event-stream').end('data: [DONE]\n\n')
})
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.close()
})

test('a text on the server is asked for with the span that the page has then', async () => {
  const { port } = server.address() as AddressInfo
  const spans = ['b7ad6b7169203331', 'c7ad6b7169203331']
  const headers = traceHeaders(() => `00-0af7651916cd43dd8448eb211c80319c-${spans.shift()}-01`)
  const segment = serverSegment(new URL(`http://127.0.0.1:${port}`), digitsManifest, systemClock, headers)
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

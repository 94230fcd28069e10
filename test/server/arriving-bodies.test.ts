import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'

const rows = 200
const body = JSON.stringify({
  inputs: [
    { name: 'image', datatype: 'FP32', shape: [rows, 1, 28, 28], data: new Array(rows * 784).fill(0.25) },
  ],
})

/** A request whose body comes in part, and what the server answers. */
function sendPart(
  { url }: TestServer,
  key: string,
  bytes: number,
): { socket: Socket; answer: Promise<string> } {
  const socket = connect(Number(url.port), '127.0.0.1')
  const head = `POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-length: ${body.length}\r\n\r\n`
  socket.write(head + body.slice(0, bytes))
  let text = ''
  const answer = new Promise<string>((resolve, reject) => {
    socket.on('data', (part) => {
      text += part
    })
    socket.on('close', () => resolve(text)).on('error', reject)
  })
  return { socket, answer }
}

test('large bodies that stand still are refused for another caller, whose request is answered', async () => {
  // Two of the parts beside each other, or one beside a whole body.
  const server = await startServer({ SPILLWAY_MAX_TASK_BYTES: String(Math.round(1.7 * body.length)) })
  try {
    const part = Math.round(0.6 * body.length)
    const first = sendPart(server, 'many', part)
    const second = sendPart(server, 'many', part)
    const third = sendPart(server, 'many', part)
    // Beyond the bound, the one that grew is refused where nobody else has more.
    const refused = await Promise.race([first.answer, second.answer, third.answer])
    expect(refused).toContain('HTTP/1.1 503')
    expect(refused).toContain('spillway-error: overloaded')
    expect(refused).toContain('retry-after: 1')
    const { status } = await fetch(new URL('v2/models/digits/infer', server.url), {
      method: 'POST',
      headers: { authorization: 'Bearer few' },
      body,
    })
    expect(status).toBe(200)
    for (const { socket } of [first, second, third]) socket.destroy()
  } finally {
    await server.stop()
  }
})

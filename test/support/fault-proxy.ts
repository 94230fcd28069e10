import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the proxy does to a request instead of passing it on. */
export type Fault = 'pass' | 'missing' | 'html' | 'hang' | 'reset' | 'truncate' | 'alter' | 'half'

/** A real proxy between the page and the real server. It makes real faults and counts requests and bytes. */
export interface FaultProxy {
  readonly url: URL
  /** Decides about each request by its method and path. */
  fault: (method: string, path: string) => Fault
  /** Every request of the page since the last `clear`. `bodyBytes`: of the request; `sentBytes`: of the answer so far. */
  readonly seen: {
    readonly method: string
    readonly path: string
    readonly headers: IncomingHttpHeaders
    readonly bodyBytes: number
    sentBytes: number
  }[]
  clear(): void
  /** Completes the answers that are held at their half, and passes later ones. */
  release(): void
  /** Cuts every connection, in the middle of whatever goes over it. */
  cut(): void
  /** Stops listening and cuts every connection. */
  stop(): Promise<void>
}

export async function startFaultProxy(target: URL): Promise<FaultProxy> {
  const seen: FaultProxy['seen'] = []
  const halves = new Set<() => void>()
  const server = createServer(async (incoming, outgoing) => {
    const body = await readBody(incoming)
    // The client has left.
    if (!body) return
    const path = incoming.url ?? '/'
    const { method = 'GET', headers } = incoming
    const entry = { method, path, headers, bodyBytes: body.length, sentBytes: 0 }
    seen.push(entry)
    // Faults apply to requests, not to their preflights.
    const fault = entry.method === 'OPTIONS' ? 'pass' : proxy.fault(entry.method, path)
    if (fault === 'hang') return
    if (fault === 'reset') return void incoming.socket.destroy()
    if (fault === 'missing') {
      outgoing.writeHead(404, { 'content-type': 'text/plain', 'access-control-allow-origin': '*' })
      return void outgoing.end('Not found')
    }
    if (fault === 'html') {
      outgoing.writeHead(200, { 'content-type': 'text/html', 'access-control-allow-origin': '*' })
      return void outgoing.end('<!doctype html><title>Sign in</title>')
    }
    const released = new Promise<void>((resolve) => halves.add(resolve))
    forward(target, incoming, body, outgoing, fault, released, (bytes) => {
      entry.sentBytes += bytes
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const proxy: FaultProxy = {
    url: new URL(`http://localhost:${port}`),
    fault: () => 'pass',
    seen,
    clear: () => {
      seen.length = 0
    },
    release: () => {
      proxy.fault = () => 'pass'
      for (const go of halves) go()
      halves.clear()
    },
    cut: () => server.closeAllConnections(),
    stop: async () => {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return proxy
}

/** Undefined where the sender breaks off. */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  try {
    for await (const part of incoming) parts.push(part)
  } catch {
    return undefined
  }
  return Buffer.concat(parts)
}

function forward(
  target: URL,
  incoming: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  fault: Fault,
  released: Promise<void>,
  sent: (bytes: number) => void,
): void {
  const passed = request(new URL(incoming.url ?? '/', target), {
    method: incoming.method,
    headers: incoming.headers,
  })
  passed.on('error', () => incoming.socket.destroy())
  // A client that leaves in the middle of an answer ends the request to the server.
  outgoing.on('close', () => passed.destroy())
  passed.on('response', async (response) => {
    if (fault === 'pass') {
      outgoing.writeHead(response.statusCode ?? 502, response.headers)
      response.on('data', (part: Buffer) => sent(part.length))
      return void response.pipe(outgoing)
    }
    const answer = await readBody(response)
    if (!answer) return void incoming.socket.destroy()
    outgoing.writeHead(response.statusCode ?? 502, response.headers)
    if (fault === 'truncate') {
      outgoing.write(answer.subarray(0, answer.length >> 1))
      return void setImmediate(() => incoming.socket.destroy())
    }
    if (fault === 'alter') answer[answer.length >> 1] = (answer[answer.length >> 1] ?? 0) ^ 1
    sent(answer.length)
    outgoing.end(fault === 'half' ? await firstHalf(outgoing, answer, released) : answer)
  })
  passed.end(body)
}

/** Sends half of an answer, then a byte now and then, so that the page keeps reporting progress. Resolves to the rest. */
async function firstHalf(outgoing: ServerResponse, answer: Buffer, released: Promise<void>): Promise<Buffer> {
  let sent = answer.length >> 1
  outgoing.write(answer.subarray(0, sent))
  const timer = setInterval(() => {
    if (sent < answer.length - 1) outgoing.write(answer.subarray(sent, ++sent))
  }, 20)
  await Promise.race([released, once(outgoing, 'close')])
  clearInterval(timer)
  return answer.subarray(sent)
}

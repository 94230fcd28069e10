import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the server does with an infer request. A number is a status, answered in Triton's form of errors. */
export type TritonFault =
  | 'none'
  | 'reset'
  | 'reset after headers'
  | 'half a body'
  | 'hang'
  | 'no JSON'
  | 'HTML'
  | 'no outputs'
  | 'wrong shape'
  | 'wrong datatype'
  | 'too few bytes'
  | 400
  | 401
  | 404
  | 429
  | 500
  | 502
  | 503
  | 504

/** The rows of the one input to the rows of the one output. */
export type Compute = (pixels: Float32Array, rows: number) => Float32Array | Promise<Float32Array>

/** A server that answers as Triton documents it, for a model from `image` to `logits`, and misbehaves on demand. */
export interface TritonServer {
  readonly url: URL
  readonly host: string
  fault: TritonFault
  /** Whether the ready routes answer 200. */
  isReady: boolean
  /** With 429 and 503. */
  retryAfter: string | undefined
  /** Whether it has the binary tensor extension, which KServe's own servers have not. */
  isBinary: boolean
  /** Holds answers back. */
  held: Promise<void> | undefined
  readonly seen: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly json: InferJson }[]
  /** Infer requests whose connection was closed before they were answered. */
  readonly abandoned: number
  /** Connections that were opened so far. */
  readonly connections: number
  stop(): Promise<void>
}

interface InferJson {
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly inputs?: readonly { readonly shape: readonly number[]; readonly data?: readonly number[] }[]
  readonly outputs?: readonly { readonly name: string }[]
}

const lengthHeader = 'inference-header-content-length'

/** Each logit is the sum of the pixels times its index. */
export const sums: Compute = (pixels, rows) =>
  Float32Array.from({ length: rows * 10 }, (_, index) => {
    const row = Math.floor(index / 10)
    return pixels.subarray(row * 784, (row + 1) * 784).reduce((sum, value) => sum + value, 0) * (index % 10)
  })

export async function startTriton(model: string, compute: Compute = sums): Promise<TritonServer> {
  const counts = { abandoned: 0, connections: 0 }
  const server = createServer(async (request, response) => {
    const path = request.url ?? ''
    const base = new RegExp(`^/v2/models/${model}(/versions/[^/]+)?`)
    if (path === '/v2')
      return send(response, 200, {
        name: 'triton',
        version: '2.50.0',
        extensions: triton.isBinary ? ['classification', 'binary_tensor_data'] : ['classification'],
      })
    if (path === '/v2/health/live') return void response.end()
    // Triton's health routes have no body.
    if (path === '/v2/health/ready' || (base.test(path.replace(/\/ready$/, '')) && path.endsWith('/ready'))) {
      response.statusCode = triton.isReady ? 200 : 400
      return void response.end()
    }
    if (!base.test(path) || !path.endsWith('/infer'))
      return send(response, 400, { error: `Request for unknown model: '${path}' is not found` })
    response.on('close', () => {
      if (!response.writableEnded) counts.abandoned++
    })
    await infer(request, response)
  })
  server.on('connection', () => counts.connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  async function infer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { fault } = triton
    const body = await bodyOf(request)
    const header = request.headers[lengthHeader]
    const length = header === undefined ? body.length : Number(header)
    const json: InferJson = JSON.parse(body.subarray(0, length).toString())
    triton.seen.push({ path: request.url ?? '', headers: request.headers, json })
    await triton.held
    if (fault === 'hang') return
    if (fault === 'reset') return void request.socket.destroy()
    if (typeof fault === 'number') {
      if (triton.retryAfter !== undefined) response.setHeader('retry-after', triton.retryAfter)
      return send(response, fault, { error: `[request id: <id_unknown>] status ${fault} on demand` })
    }
    if (fault === 'no JSON') return void response.end('{"model_name":')
    if (fault === 'HTML') return void response.setHeader('content-type', 'text/html').end('<h1>Sign in</h1>')
    if (fault === 'no outputs') return send(response, 200, { model_name: model })
    const [input] = json.inputs ?? []
    const rows = input?.shape[0] ?? 0
    const pixels = input?.data ? Float32Array.from(input.data) : floats(body.subarray(length))
    const logits = await compute(pixels, rows)
    const output = {
      name: 'logits',
      datatype: fault === 'wrong datatype' ? 'INT32' : 'FP32',
      shape: fault === 'wrong shape' ? [rows, 5, 2] : [rows, 10],
    }
    const head = { model_name: model, model_version: '1' }
    if (!json.parameters?.binary_data_output)
      return send(response, 200, { ...head, outputs: [{ ...output, data: [...logits] }] })
    const bytes = Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength)
    const part = Buffer.from(
      JSON.stringify({ ...head, outputs: [{ ...output, parameters: { binary_data_size: bytes.length } }] }),
    )
    const answer = Buffer.concat([part, fault === 'too few bytes' ? bytes.subarray(4) : bytes])
    response.setHeader('content-type', 'application/octet-stream')
    response.setHeader(lengthHeader, part.length)
    response.setHeader('content-length', answer.length)
    if (fault === 'none' || fault === 'too few bytes' || fault.startsWith('wrong')) {
      if (fault === 'too few bytes') response.setHeader('content-length', answer.length)
      return void response.end(answer)
    }
    response.flushHeaders()
    if (fault === 'half a body')
      await new Promise((written) => response.write(answer.subarray(0, answer.length >> 1), written))
    // The client has the headers before the connection breaks.
    setTimeout(() => request.socket.resetAndDestroy(), 20)
  }

  const triton: TritonServer = {
    url: new URL(`http://127.0.0.1:${port}/`),
    host: `127.0.0.1:${port}`,
    fault: 'none',
    isReady: true,
    retryAfter: undefined,
    isBinary: true,
    held: undefined,
    seen: [],
    get abandoned() {
      return counts.abandoned
    },
    get connections() {
      return counts.connections
    },
    stop: async () => {
      server.close()
      server.closeAllConnections()
      if (server.listening) await once(server, 'close')
    },
  }
  return triton
}

function send(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts)
}

/** A copy, because the bytes may start anywhere. */
const floats = (bytes: Buffer): Float32Array => new Float32Array(new Uint8Array(bytes).buffer)

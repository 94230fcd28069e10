import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import parseRange from 'range-parser'
import { deferred } from './deferred.ts'

/** One request for the file. */
export interface Served {
  readonly range: string | undefined
  readonly ifRange: string | undefined
  readonly token: string | undefined
  /** Bytes of the file that were written to the socket. */
  sent: number
}

/** A server of one file whose behaviour a test controls. By default it supports ranges and ETags. */
export interface FileServer {
  readonly url: URL
  bytes: Buffer
  /** The file's ETag; null for none. A weak one begins with `W/`. */
  etag: string | null
  ranges: boolean
  readonly served: Served[]
  /** The largest number of requests that were answered at the same time. */
  readonly peak: number
  /** Answers a request in another way; true where it has. */
  fault: (served: Served, response: ServerResponse, request: IncomingMessage) => boolean
  /** Cuts every connection once so many further bytes are sent; resolves then. */
  cutAfter(bytes: number): Promise<void>
  /** Pauses after so many further bytes; resolves then, with a function that resumes. */
  holdAfter(bytes: number): Promise<() => void>
  readonly sent: number
  stop(): Promise<void>
}

export const randomBytes = (size: number): Buffer => randomFillSync(Buffer.alloc(size))
export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const drained = (response: ServerResponse) =>
  new Promise<void>((resolve) => {
    response.once('drain', resolve)
  })

const pieceBytes = 64 * 1024

export async function startFileServer(bytes: Buffer): Promise<FileServer> {
  const served: Served[] = []
  let active = 0
  let peak = 0
  let sent = 0
  let cut: { at: number; done: () => void } | undefined
  let hold:
    | { at: number; done: (release: () => void) => void; until: Promise<void>; release: () => void }
    | undefined

  const send = async (response: ServerResponse, entry: Served, part: Buffer) => {
    const closed = once(response, 'close')
    for (let start = 0; start < part.length && !response.destroyed; start += pieceBytes) {
      const piece = part.subarray(start, start + pieceBytes)
      sent += piece.length
      entry.sent += piece.length
      if (cut && sent >= cut.at) {
        const { done } = cut
        cut = undefined
        node.closeAllConnections()
        done()
        return
      }
      if (hold && sent >= hold.at) {
        const { done, until, release } = hold
        done(release)
        await Promise.race([until, closed])
      }
      if (!response.write(piece)) await Promise.race([drained(response), closed])
    }
    response.end()
  }

  const node = createServer(async (request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', '*')
    response.setHeader('access-control-expose-headers', 'etag, content-range')
    if (request.method === 'OPTIONS') return void response.end()
    const { range, authorization } = request.headers
    const ifRange = request.headers['if-range']
    const entry: Served = {
      range,
      ifRange: typeof ifRange === 'string' ? ifRange : undefined,
      token: authorization,
      sent: 0,
    }
    served.push(entry)
    active++
    peak = Math.max(peak, active)
    response.once('close', () => active--)
    if (server.fault(entry, response, request)) return
    const { etag } = server
    if (etag !== null) response.setHeader('etag', etag)
    const wantsRange = server.ranges && range !== undefined && (ifRange === undefined || ifRange === etag)
    const parsed = wantsRange ? parseRange(server.bytes.length, range) : undefined
    if (parsed === -1) {
      response.writeHead(416, { 'content-range': `bytes */${server.bytes.length}` })
      return void response.end()
    }
    const part = Array.isArray(parsed) ? parsed[0] : undefined
    const { start, end } = part ?? { start: 0, end: server.bytes.length - 1 }
    response.writeHead(part ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': end - start + 1,
      ...(part ? { 'content-range': `bytes ${start}-${end}/${server.bytes.length}` } : {}),
    })
    await send(response, entry, server.bytes.subarray(start, end + 1))
  })
  node.listen(0, '127.0.0.1')
  await once(node, 'listening')
  const { port } = node.address() as AddressInfo

  const server: FileServer = {
    url: new URL(`http://localhost:${port}/model.onnx`),
    bytes,
    etag: '"one"',
    ranges: true,
    served,
    get peak() {
      return peak
    },
    fault: () => false,
    cutAfter: (more) =>
      new Promise<void>((done) => {
        cut = { at: sent + more, done }
      }),
    holdAfter: (more) =>
      new Promise<() => void>((done) => {
        const { promise: until, resolve } = deferred<void>()
        const release = () => {
          hold = undefined
          resolve()
        }
        hold = { at: sent + more, done, until, release }
      }),
    get sent() {
      return sent
    },
    stop: async () => {
      node.close()
      node.closeAllConnections()
      await once(node, 'close')
    },
  }
  return server
}

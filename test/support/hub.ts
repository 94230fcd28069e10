import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the hub does to a request instead of answering it. */
export type HubFault = 'pass' | 'html' | 'missing' | 'busy' | 'loop' | 'alter' | 'cut' | 'reset' | 'hang'

export interface TestRepository {
  readonly files: Readonly<Record<string, Uint8Array | string>>
  /** Readable with the token only. */
  readonly access?: 'private' | 'gated'
  /** Branches and tags besides `main`. */
  readonly revisions?: readonly string[]
  readonly license?: string
  readonly pipeline?: string
  /** Whether the listing has the SHA-256 of LFS files, which mirrors may leave out. Default: true. */
  readonly listsLfs?: boolean
}

/**
 * A server that speaks the Hugging Face hub's protocol, and a second one at another origin with the LFS files. Like the
 * real one, the second refuses a request with a token.
 */
export interface TestHub {
  readonly url: URL
  readonly token: string
  commit(repo: string): string
  /** Decides about each request by its path. */
  fault: (path: string) => HubFault
  /** Files on one page of a listing. */
  pageSize: number
  /** All requests since the last `clear`. */
  readonly seen: {
    readonly origin: 'hub' | 'store'
    readonly method: string
    readonly path: string
    readonly authorization: string | undefined
    readonly range: string | undefined
  }[]
  clear(): void
  stop(): Promise<void>
}

interface Stored {
  readonly bytes: Buffer
  readonly sha256: string
  readonly blob: string
  readonly lfs: boolean
}

const token = 'hf_a_token_for_tests'
const inLfs = /\.onnx(?:[_.]data(?:_\d+)?)?$/
const exposed =
  'X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag'

export async function startHub(repositories: Readonly<Record<string, TestRepository>>): Promise<TestHub> {
  const stored = new Map(Object.entries(repositories).map(([repo, { files }]) => [repo, storeAll(files)]))
  const commits = new Map([...stored].map(([repo, files]) => [repo, commitOf(repo, files)]))
  const blobs = new Map(
    [...stored.values()].flatMap((files) => [...files.values()].map((f) => [f.sha256, f])),
  )
  const seen: TestHub['seen'] = []
  let [hubUrl, storeUrl] = [new URL('http://hub'), new URL('http://store')]

  const note = (origin: 'hub' | 'store', request: IncomingMessage) =>
    seen.push({
      origin,
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      authorization: request.headers.authorization,
      range: request.headers.range,
    })

  const refuse = (response: ServerResponse, status: number, code: string, message: string) => {
    response.writeHead(status, {
      'x-error-code': code,
      'x-error-message': message,
      'content-type': 'text/plain',
    })
    response.end(message)
  }

  const answerRepository = (request: IncomingMessage, response: ServerResponse, url: URL) => {
    const [, api, owner = '', name = '', what = '', rest = ''] =
      /^\/(api\/models\/)?([^/]+)\/([^/]+)\/(revision|tree|resolve)\/(.*)$/.exec(url.pathname) ?? []
    const repo = `${owner}/${name}`
    const repository = repositories[repo]
    const files = stored.get(repo)
    const commit = commits.get(repo) ?? ''
    const allowed = request.headers.authorization === `Bearer ${token}`
    if (!repository || !files || (repository.access === 'private' && !allowed)) {
      return refuse(response, 401, 'RepoNotFound', 'Invalid username or password.')
    }
    const [revision = '', ...parts] = rest.split('/').map(decodeURIComponent)
    if (![commit, 'main', ...(repository.revisions ?? [])].includes(revision)) {
      return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`)
    }
    if (api && what === 'revision') {
      const { license, pipeline, access } = repository
      return sendJson(response, {
        id: repo,
        sha: commit,
        private: access === 'private',
        gated: access === 'gated' && 'manual',
        ...(pipeline ? { pipeline_tag: pipeline } : {}),
        cardData: license ? { license } : {},
        siblings: [...files.keys()].map((rfilename) => ({ rfilename })),
      })
    }
    if (repository.access === 'gated' && !allowed) {
      return refuse(response, 401, 'GatedRepo', `Access to model ${repo} is restricted.`)
    }
    if (api) return sendTree(response, url, files, repository)
    const path = parts.join('/')
    const file = files.get(path)
    if (!file) return refuse(response, 404, 'EntryNotFound', 'Entry not found')
    response.setHeader('x-repo-commit', commit)
    if (file.lfs) {
      response.writeHead(302, {
        location: new URL(`blobs/${file.sha256}?signature=for-a-while`, storeUrl).href,
        'x-linked-size': file.bytes.length,
        'x-linked-etag': `"${file.sha256}"`,
      })
      return response.end()
    }
    sendBytes(request, response, file.bytes, file.blob)
  }

  const sendTree = (
    response: ServerResponse,
    url: URL,
    files: ReadonlyMap<string, Stored>,
    { listsLfs = true }: TestRepository,
  ) => {
    const all = [
      { type: 'directory', path: 'onnx', oid: '0'.repeat(40), size: 0 },
      ...[...files].map(([path, { bytes, blob, sha256, lfs }]) => ({
        type: 'file',
        path,
        oid: blob,
        size: bytes.length,
        ...(lfs && listsLfs ? { lfs: { oid: sha256, size: bytes.length, pointerSize: 134 } } : {}),
      })),
    ]
    const start = Number(url.searchParams.get('cursor') ?? 0)
    const next = start + hub.pageSize
    if (next < all.length) {
      const page = new URL(url)
      page.searchParams.set('cursor', String(next))
      response.setHeader('link', `<${page.href}>; rel="next"`)
    }
    sendJson(response, all.slice(start, next))
  }

  const answer = (origin: 'hub' | 'store') => (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-expose-headers', exposed)
    if (request.method === 'OPTIONS') {
      response.writeHead(204, { 'access-control-allow-headers': 'authorization, range, if-range' })
      return void response.end()
    }
    note(origin, request)
    const url = new URL(request.url ?? '/', origin === 'hub' ? hubUrl : storeUrl)
    const fault = hub.fault(url.pathname)
    if (fault !== 'pass' && !(fault === 'alter' || fault === 'cut')) return breakOff(fault, request, response)
    if (origin === 'hub') return void answerRepository(request, response, url)
    if (request.headers.authorization !== undefined) {
      return refuse(response, 400, 'InvalidArgument', 'Only one auth mechanism allowed')
    }
    const file = blobs.get(url.pathname.split('/').at(-1) ?? '')
    if (!file) return refuse(response, 404, 'NoSuchKey', 'The specified key does not exist.')
    const bytes = fault === 'alter' ? altered(file.bytes) : file.bytes
    sendBytes(request, response, bytes, file.sha256, fault === 'cut' ? bytes.length >> 1 : undefined)
  }

  const servers = [createServer(answer('hub')), createServer(answer('store'))]
  const [one, other] = await Promise.all(servers.map(listen))
  hubUrl = one ?? hubUrl
  storeUrl = other ?? storeUrl
  const hub: TestHub = {
    url: hubUrl,
    token,
    commit: (repo) => commits.get(repo) ?? '',
    fault: () => 'pass',
    pageSize: 1000,
    seen,
    clear: () => {
      seen.length = 0
    },
    stop: async () => {
      await Promise.all(
        servers.map(async (server) => {
          server.close()
          server.closeAllConnections()
          await once(server, 'close')
        }),
      )
    },
  }
  return hub
}

async function listen(server: Server): Promise<URL> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return new URL(`http://localhost:${port}/`)
}

function storeAll(files: TestRepository['files']): Map<string, Stored> {
  const named = Object.entries(files).map(([path, content]) => {
    const bytes = Buffer.from(content)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const blob = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
    return [path, { bytes, sha256, blob, lfs: inLfs.test(path) }] as const
  })
  return new Map(named)
}

function commitOf(repo: string, files: ReadonlyMap<string, Stored>): string {
  const hash = createHash('sha1').update(repo)
  for (const [path, { sha256 }] of files) hash.update(`${path} ${sha256}`)
  return hash.digest('hex')
}

function altered(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1
  return copy
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

/** @param cut Bytes after which the connection is cut. */
function sendBytes(
  { method, headers, socket }: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  tag: string,
  cut?: number,
): void {
  const asked = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '')
  const current = headers['if-range'] === undefined || headers['if-range'] === `"${tag}"`
  const start = asked && current ? Number(asked[1]) : 0
  const end = asked?.[2] && current ? Math.min(Number(asked[2]), bytes.length - 1) : bytes.length - 1
  if (start >= bytes.length && bytes.length > 0) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` })
    return void response.end()
  }
  const part = asked !== null && current
  response.writeHead(part ? 206 : 200, {
    etag: `"${tag}"`,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'content-length': end - start + 1,
    ...(part ? { 'content-range': `bytes ${start}-${end}/${bytes.length}` } : {}),
  })
  if (method === 'HEAD') return void response.end()
  if (cut === undefined || start >= cut) return void response.end(bytes.subarray(start, end + 1))
  response.write(bytes.subarray(start, cut), () => setTimeout(() => socket.destroy(), 20))
}

function breakOff(fault: HubFault, { url, socket }: IncomingMessage, response: ServerResponse): void {
  if (fault === 'hang') return
  if (fault === 'reset') return void socket.destroy()
  if (fault === 'loop') response.writeHead(302, { location: url ?? '/' })
  else if (fault === 'busy') response.writeHead(429, { 'retry-after': '7' })
  else if (fault === 'missing') response.writeHead(404)
  else response.writeHead(200, { 'content-type': 'text/html' })
  response.end(fault === 'html' ? '<!doctype html><title>Sign in</title>' : undefined)
}

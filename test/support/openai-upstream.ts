import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import {
  type AskedText,
  embeddingsAnswer,
  errorBodyOf,
  type Flavour,
  modelList,
  roleChunk,
  textChunk,
  usageChunk,
  wholeAnswer,
} from './openai-upstream-shapes.ts'

/** What the upstream does to a request instead of answering it. */
export interface Behaviour {
  /** Answers with this status and the flavour's error. */
  readonly status?: number
  readonly message?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Answers with this body in place of its own. */
  readonly body?: string
  /** Cuts the connection, or stays silent, before its headers or after so many events. */
  readonly cutAfter?: number
  readonly hangAfter?: number
  /** Sends the headers of a stream before it does any of this. */
  readonly headersFirst?: boolean
  /** Sends an error event, as vLLM does, after so many events; then `[DONE]`. */
  readonly failAfter?: number
  /** Ends a stream in order, after so many events. */
  readonly endAfter?: number
  /** Ends a stream without `[DONE]`. */
  readonly isWithoutDone?: boolean
  /** Rewrites the bytes of a whole stream, and splits them. */
  readonly write?: (stream: string) => readonly (string | Uint8Array)[]
  /** Goes on with the event only when it resolves. */
  readonly beforeEvent?: (index: number) => Promise<unknown> | undefined
}

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The body as it came. */
  readonly body: string
  /** Whether its connection was closed before the answer's end. */
  isLeft: boolean
  /** Bytes that this server handed to its socket. */
  sent: number
}

/** A server of the OpenAI API on loopback that answers in the documented shapes, and misbehaves on demand. */
export interface OpenAiUpstream {
  readonly url: string
  /** Requests below `/v1`, without lists of models. */
  readonly seen: SeenRequest[]
  behave: (request: SeenRequest) => Behaviour
  /** What `/health` answers. */
  health: number
  /** Connections so far, without those of `/health`. */
  readonly connections: number
  /** Cuts every connection. */
  cut(): void
  stop(): Promise<void>
}

export interface OpenAiUpstreamOptions {
  readonly flavour?: Flavour
  readonly model?: string
  /** The pieces of every text, a token each. */
  readonly pieces?: readonly string[]
  readonly key?: string
  readonly port?: number
}

export const defaultPieces = ['Once', ' upon', ' a', ' tïme', ' 🦊']

export async function startOpenAiUpstream({
  flavour = 'vllm',
  model = 'org/tiny',
  pieces = defaultPieces,
  key,
  port: wanted = 0,
}: OpenAiUpstreamOptions = {}): Promise<OpenAiUpstream> {
  const fail = (response: ServerResponse, status: number, message: string, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(errorBodyOf(flavour, status, message)))
  }

  const answer = async (request: SeenRequest, response: ServerResponse): Promise<unknown> => {
    const body = JSON.parse(request.body)
    const behaviour = upstream.behave(request)
    const { status, headers = {}, message = `Something is wrong with ${status}` } = behaviour
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`)
      return fail(response, 401, 'Incorrect API key provided: sk-ab***yz')
    if (status !== undefined && behaviour.body === undefined) return fail(response, status, message, headers)
    if (behaviour.body !== undefined) {
      response.writeHead(status ?? 200, { 'content-type': 'application/json', ...headers })
      return response.end(behaviour.body)
    }
    if (body.model !== model) return fail(response, 404, `The model \`${body.model}\` does not exist.`)
    if (flavour === 'openai' && body.return_token_ids !== undefined)
      return fail(response, 400, 'Unrecognized request argument supplied: return_token_ids')
    if (behaviour.cutAfter === 0 && !(behaviour.headersFirst && body.stream))
      return response.socket?.resetAndDestroy()
    if (behaviour.hangAfter === 0) return undefined
    const send = (value: unknown) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify(value))
    }
    if (request.path === '/v1/embeddings')
      return send(embeddingsAnswer(model, Array.isArray(body.input) ? body.input.length : 1))
    const asked: AskedText = {
      model,
      n: body.n ?? 1,
      includeUsage: body.stream_options?.include_usage === true,
      returnsIds: body.return_token_ids === true,
      isChat: request.path === '/v1/chat/completions',
    }
    const usage = { prompt: 9, completion: asked.n * pieces.length }
    if (!body.stream) return send(wholeAnswer(flavour, asked, pieces.join(''), usage))
    const events = [...eventsOf(flavour, asked, pieces)]
    if (asked.includeUsage) events.push(JSON.stringify(usageChunk(flavour, asked, usage)))
    return stream(request, response, events, behaviour)
  }

  const stream = async (
    request: SeenRequest,
    response: ServerResponse,
    events: readonly string[],
    behaviour: Behaviour,
  ): Promise<unknown> => {
    const write = async (part: string | Uint8Array) => {
      request.sent += part.length
      if (response.write(part) || response.destroyed) return
      await new Promise<void>((resolve) => {
        drained = resolve
      })
    }
    let drained = () => {}
    response.on('drain', () => drained()).on('close', () => drained())
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    response.flushHeaders()
    const all = events.map((event) => `data: ${event}\n\n`)
    const done = behaviour.isWithoutDone ? '' : 'data: [DONE]\n\n'
    if (behaviour.write) {
      for (const part of behaviour.write(all.join('') + done)) await write(part)
      return response.end()
    }
    for (const [index, event] of all.entries()) {
      await behaviour.beforeEvent?.(index)
      if (response.destroyed || index === behaviour.hangAfter) return undefined
      if (index === behaviour.cutAfter) return response.socket?.resetAndDestroy()
      if (index === behaviour.endAfter) return response.end()
      if (index === behaviour.failAfter) {
        const body = errorBodyOf(flavour, 500, 'EngineCore encountered an issue.')
        await write(`data: ${JSON.stringify(body)}\n\ndata: [DONE]\n\n`)
        return response.end()
      }
      await write(event)
    }
    await write(done)
    return response.end()
  }

  const onRequest = async (incoming: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const { method = '', url: path = '', headers } = incoming
    if (path === '/health') {
      if (upstream.health === 200) return response.end(flavour === 'llama.cpp' ? '{"status":"ok"}' : '')
      return fail(response, upstream.health, 'Loading model')
    }
    if (path === '/v1/models') {
      response.setHeader('content-type', 'application/json')
      return response.end(JSON.stringify(modelList(flavour, model)))
    }
    const body = await readText(incoming)
    const request: SeenRequest = { method, path, headers, body, isLeft: false, sent: 0 }
    seen.push(request)
    sockets.add(incoming.socket)
    response.on('close', () => {
      request.isLeft = !response.writableFinished
    })
    return answer(request, response)
  }

  const seen: SeenRequest[] = []
  const sockets = new Set<Socket>()
  const server = createServer((incoming, response) => {
    onRequest(incoming, response).catch(() => response.destroy())
  })
  server.listen(wanted, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const upstream: OpenAiUpstream = {
    url: `http://127.0.0.1:${port}`,
    seen,
    behave: () => ({}),
    health: 200,
    get connections() {
      return sockets.size
    },
    cut: () => server.closeAllConnections(),
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return upstream
}

/** The events of the texts, before their usage: all choices in turn, token by token. */
function* eventsOf(flavour: Flavour, asked: AskedText, pieces: readonly string[]): Generator<string> {
  const choices = Array.from({ length: asked.n }, (_, index) => index)
  if (asked.isChat)
    for (const index of choices)
      yield JSON.stringify(roleChunk(flavour, asked, index, [1, 2, 3, 4, 5, 6, 7, 8, 9]))
  for (const [at, text] of pieces.entries())
    for (const index of choices) {
      const finish = at === pieces.length - 1 ? 'stop' : null
      yield JSON.stringify(textChunk(flavour, asked, index, { text, token: 100 + at, finish }))
    }
}

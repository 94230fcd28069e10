import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { errorCodeHeader } from '../../../models/protocols/oip.ts'
import { isAlive, type TestServer } from '../server.ts'
import { type FuzzRequest, fuzzRequests, type Route } from './fuzz-requests.ts'

export interface FuzzOptions {
  readonly routes: readonly Route[]
  readonly credentials: Readonly<Record<string, string>>
  readonly seed: number
  readonly count: number
}

export interface Fuzzed {
  /** Answers by status. */
  readonly statuses: Readonly<Record<number, number>>
  /** Requests that the server should have answered otherwise, and what it did. */
  readonly faults: readonly string[]
}

/** Requests at once. */
const width = 16

/** Milliseconds within which each request has to be answered. */
const withinMs = 60_000

/** 503 is an answer to a full queue and to a timeout that the request itself has set. */
const allowedCodes: readonly unknown[] = ['overloaded', 'deadline_exceeded']

/** Sends random requests to a server and tells which answers are faults of the server. */
export async function fuzzServer(server: TestServer, options: FuzzOptions): Promise<Fuzzed> {
  const { routes, credentials, seed, count } = options
  const requests = fc.sample(fuzzRequests(routes, credentials), { numRuns: count, seed })
  const statuses: Record<number, number> = {}
  const faults: string[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: width })
  const pending = requests.values()
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const one of pending) {
        const fault = await send(server, one, agent, statuses)
        if (fault !== undefined) faults.push(`${fault}: ${show(one)}`)
        if (!isAlive(server.pid)) return
      }
    }),
  )
  agent.destroy()
  for (const { msg, err, reason } of server.log)
    if (err !== undefined || msg === 'Lane died')
      faults.push(`The log has ${JSON.stringify({ msg, err, reason })}`)
  if (server.errorOutput() !== '') faults.push(`stderr has ${server.errorOutput()}`)
  if (!isAlive(server.pid)) faults.push('The server has ended')
  return { statuses, faults }
}

/** Resolves to what is wrong with the answer, if anything. */
async function send(
  { url }: TestServer,
  { method, path, headers, body }: FuzzRequest,
  agent: Agent,
  statuses: Record<number, number>,
): Promise<string | undefined> {
  try {
    const sent = request({
      ...{ host: url.hostname, port: url.port, method, path, agent },
      headers: { ...headers, 'content-length': body.length },
      signal: AbortSignal.timeout(withinMs),
    })
    sent.end(body)
    const [response]: IncomingMessage[] = await once(sent, 'response')
    if (!response) return 'no answer'
    const answer = await text(response)
    const { statusCode = 0 } = response
    statuses[statusCode] = (statuses[statusCode] ?? 0) + 1
    const code = response.headers[errorCodeHeader]
    if (statusCode >= 500 && !(statusCode === 503 && allowedCodes.includes(code)))
      return `${statusCode} ${code} ${answer.slice(0, 300)}`
    return undefined
  } catch (cause) {
    // The server may answer and close a connection before it has read a body.
    if (cause instanceof Error && 'code' in cause && cause.code === 'EPIPE') return undefined
    return `no answer, ${cause}`
  }
}

const show = ({ method, path, headers, body }: FuzzRequest) =>
  `${method} ${path.slice(0, 200)} ${JSON.stringify(headers).slice(0, 600)} ${body.toString('latin1').slice(0, 1_500)}`

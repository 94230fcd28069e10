/** What goes wrong around a server. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { isAlive, type TestServer } from '../server.ts'
import type { TritonFault } from '../triton-server.ts'
import type { FaultyServer } from './start-server.ts'

export interface FaultContext extends Pick<FaultyServer, 'server' | 'engines'> {
  readonly random: () => number
}

export interface FaultKind {
  readonly name: string
  /** Whether it takes a lane: requests that lose two lanes are refused. */
  readonly endsLane?: boolean
  /** Makes the fault; resolves when it has passed. Rejects where the server does not do what it has to. */
  make(context: FaultContext): Promise<void>
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

const pick = <T>(items: readonly T[], random: () => number): T | undefined =>
  items[Math.floor(random() * items.length)]

/** Milliseconds after which a lane has started: before, its signs of life may take longer. */
const startMs = 3_000

const runningLanes = ({ log, lanes }: TestServer): number[] => {
  const alive = new Set(lanes())
  return log
    .filter(({ msg, time }) => msg === 'Lane started' && Number(time) < Date.now() - startMs)
    .map(({ pid }) => Number(pid))
    .filter((pid) => alive.has(pid))
}

/** Signals a lane and waits until its process has ended. */
const signalLane =
  (...signals: readonly NodeJS.Signals[]) =>
  async ({ server, random }: FaultContext): Promise<void> => {
    let lanes = runningLanes(server)
    for (; lanes.length === 0; lanes = runningLanes(server)) await pause(20)
    const pid = pick(lanes, random) ?? 0
    const since = performance.now()
    process.kill(pid, pick(signals, random) ?? 'SIGKILL')
    while (isAlive(pid)) {
      await pause(20)
      if (performance.now() - since > 60_000) throw new Error(`Lane ${pid} has not ended`)
    }
  }

async function open({ url }: TestServer): Promise<Socket> {
  const socket = connect(Number(url.port), url.hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Resolves at the socket's end, also where it was reset. */
const closeOf = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))

const post = (path: string, body: string, more = '') =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`

const stream = post(
  '/v1/completions',
  JSON.stringify({ model: 'bard', prompt: 'To', max_tokens: 60, ignore_eos: true, stream: true }),
  'connection: close\r\n',
)

/** Before an answer, after its head, and in the middle of its body. */
const resets: readonly TritonFault[] = ['reset', 'reset after headers', 'half a body']

const malformed = [
  'GET / HTTP/9.9\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`,
  `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(5_000)}\r\n`,
  post('/v2/models/digits/infer', '{}', 'content-length: 3\r\n'),
  post('/v2/models/digits/infer', '{}', 'transfer-encoding: chunked\r\n'),
  'POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
  'POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"inp\r\n-1\r\n',
  'POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n',
  'POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n{',
  'POST /v2/models/digits/infer HTTP/1.1\nhost:x\n\n\u0000\u0000',
]

export const faultKinds: readonly FaultKind[] = [
  { name: 'lane killed', endsLane: true, make: signalLane('SIGKILL', 'SIGSEGV', 'SIGABRT') },
  { name: 'lane stopped', endsLane: true, make: signalLane('SIGSTOP') },
  {
    name: 'upstream reset',
    make: async ({ engines, random }) => {
      const engine = pick(engines, random)
      if (!engine) throw new Error('There is no upstream')
      const before = engine.seen.length
      engine.fault = pick(resets, random) ?? 'reset'
      // It has got requests, so that some were broken off.
      while (engine.seen.length === before) await pause(20)
      await pause(300 * random())
      engine.fault = 'none'
    },
  },
  {
    name: 'slow client',
    make: async ({ server, random }) => {
      const socket = await open(server)
      socket.write(stream)
      let answer = ''
      for await (const part of socket.setEncoding('utf8')) {
        answer += part
        await pause(50 * random())
      }
      // While no lane may start it is told when to come again.
      if (!/\[DONE\]|retry.after/i.test(answer)) throw new Error(`A slow client got ${answer.slice(-300)}`)
    },
  },
  {
    name: 'client leaves',
    make: async ({ server, random }) => {
      const socket = await open(server)
      socket.write(stream.slice(0, Math.floor(random() * 2 * stream.length)))
      await pause(200 * random())
      if (random() < 0.5) socket.resetAndDestroy()
      else socket.destroy()
    },
  },
  {
    name: 'half-open socket',
    make: async ({ server, random }) => {
      // For Node a client that has ended its side has left.
      const asked = await open(server)
      const closed = closeOf(asked.resume())
      asked.end(stream)
      // Another one has sent a part of its request, and stays silent.
      const silent = await open(server)
      silent.write(stream.slice(0, Math.floor(random() * (stream.length - 1))))
      await closed
      silent.destroy()
    },
  },
  {
    name: 'malformed frame',
    make: async ({ server, random }) => {
      const socket = await open(server)
      const bytes = pick(malformed, random) ?? ''
      socket.write(bytes, 'latin1')
      let answer = ''
      socket.setEncoding('latin1').on('data', (part) => (answer += part))
      await Promise.race([closeOf(socket), pause(500)])
      socket.destroy()
      if (/^HTTP\/1\.1 (?!4)/.test(answer))
        throw new Error(`${JSON.stringify(bytes.slice(0, 100))} got ${answer.slice(0, 300)}`)
    },
  },
  {
    name: 'log full',
    make: async ({ server, random }) => {
      server.pauseLog()
      await pause(500 + 1_000 * random())
      server.resumeLog()
    },
  },
]

/**
 * The load's client, in a process of its own. It sends the same bytes over each connection again as soon as they are
 * answered, and reads only as much of an answer as shows its end: the cores are meant for the server.
 */
import { connect } from 'node:net'

export interface Task {
  readonly port: number
  /** Headers and body, as they go over the wire. */
  readonly request: Uint8Array
  readonly connections: number
  readonly seconds: number
}

export interface Done {
  readonly answered: number
  readonly seconds: number
  /** Microseconds of this process's CPU per request. */
  readonly cpu: number
}

const headEnd = '\r\n\r\n'

async function load({ port, request, connections, seconds }: Task): Promise<Done> {
  const cpuBefore = process.cpuUsage()
  const since = performance.now()
  const until = since + seconds * 1_000
  const counts = await Promise.all(
    Array.from({ length: connections }, () => requestUntil(port, request, until)),
  )
  const { user, system } = process.cpuUsage(cpuBefore)
  const answered = counts.reduce((sum, count) => sum + count, 0)
  return { answered, seconds: (performance.now() - since) / 1_000, cpu: (user + system) / answered }
}

/** Sends one request after the other over one connection; resolves to the number of answers. */
const requestUntil = (port: number, request: Uint8Array, until: number) =>
  new Promise<number>((resolve, reject) => {
    let answered = 0
    let partial: Buffer | undefined
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(request))
    socket.on('data', (chunk) => {
      const bytes = partial ? Buffer.concat([partial, chunk]) : chunk
      const length = answerLength(bytes)
      if (length === undefined || bytes.length < length) {
        partial = bytes
        return
      }
      partial = undefined
      answered++
      if (performance.now() < until) {
        socket.write(request)
        return
      }
      socket.destroy()
      resolve(answered)
    })
    socket.on('error', reject)
    socket.on('end', () => reject(new Error('The server closed a connection')))
  })

/** Bytes of an answer, its head included; undefined while the head is incomplete. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const length = /^content-length: (\d+)$/im.exec(head)?.[1]
  // An uncaught error ends this process and the bench.
  if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) throw new Error(`No success: ${bytes}`)
  return end + headEnd.length + Number(length)
}

process.on('message', async (task: Task) => process.send?.(await load(task)))
process.on('disconnect', () => process.exit(0))

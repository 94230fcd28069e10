/**
 * A load's client, in a process of its own. It sends the same bytes over each connection, the next as soon as the last
 * were answered, and reads of an answer what tells where it ends: the cores that it shares with the server are for the
 * server.
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
  /** Microseconds of CPU that this process took for a request. */
  readonly cpu: number
}

const headEnd = '\r\n\r\n'

async function load({ port, request, connections, seconds }: Task): Promise<Done> {
  const cpuBefore = process.cpuUsage()
  const since = performance.now()
  const until = since + seconds * 1_000
  const counts = await Promise.all(Array.from({ length: connections }, () => ask(port, request, until)))
  const { user, system } = process.cpuUsage(cpuBefore)
  const answered = counts.reduce((sum, count) => sum + count, 0)
  return { answered, seconds: (performance.now() - since) / 1_000, cpu: (user + system) / answered }
}

/** One request after the other over one connection; gives how many were answered. */
const ask = (port: number, request: Uint8Array, until: number) =>
  new Promise<number>((resolve, reject) => {
    let answered = 0
    let begun: Buffer | undefined
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(request))
    socket.on('data', (chunk) => {
      const bytes = begun ? Buffer.concat([begun, chunk]) : chunk
      const length = answerLength(bytes)
      if (length === undefined || bytes.length < length) {
        begun = bytes
        return
      }
      begun = undefined
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

/** Bytes of an answer, its head included; nothing while the head is not whole. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const length = /^content-length: (\d+)$/im.exec(head)?.[1]
  // Ends this process, and the bench with it.
  if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) throw new Error(`No success: ${bytes}`)
  return end + headEnd.length + Number(length)
}

process.on('message', async (task: Task) => process.send?.(await load(task)))
process.on('disconnect', () => process.exit(0))

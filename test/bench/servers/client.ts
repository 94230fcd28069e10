/**
 * The load's client, in a process of its own. It sends bytes that were made before over connections that stay open, and
 * reads only as much of an answer as shows its status and its end: the cores are meant for the server.
 */
import { setPriority } from 'node:os'
import { seeded } from '../../support/seeded.ts'
import { Connection } from './connection.ts'

export interface Task {
  readonly port: number
  /** Head and body of each request, as they go over the wire. They are sent in turn. */
  readonly requests: readonly Uint8Array[]
  readonly seconds: number
  /** Without `perSecond` each connection sends its next request when the last one is answered. */
  readonly connections: number
  /** Requests a second, at random times that do not depend on answers. They find a connection, or open one up to `connections`. */
  readonly perSecond?: number
}

export interface Done {
  readonly seconds: number
  /** Milliseconds of each request with status 200, from when it was due. */
  readonly answered: Float64Array
  /** The same of each request with another status. */
  readonly refused: Float64Array
  /** Those that were answered with 200 before the load ended. */
  readonly inTime: number
  /** Requests without an answer: their connection ended, or there was none left. */
  readonly broken: number
  /** Answers by status. */
  readonly statuses: Readonly<Record<number, number>>
  /** Microseconds of this process's CPU. */
  readonly cpu: number
}

/** Milliseconds after the end in which answers are waited for. */
const graceMs = 40_000

function load({ port, requests, seconds, connections, perSecond }: Task): Promise<Done> {
  // A generator that waits for a core would measure its own wait.
  if (perSecond !== undefined) preferThisProcess()
  const cpuBefore = process.cpuUsage()
  const since = performance.now()
  const until = since + seconds * 1_000
  const answered: number[] = []
  const refused: number[] = []
  const statuses: Record<number, number> = {}
  let [inTime, broken, next, opened] = [0, 0, 0, 0]
  const idle: Connection[] = []
  const inFlight = new Set<Connection>()

  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(last)
      for (const connection of [...idle, ...inFlight]) connection.close()
      const { user, system } = process.cpuUsage(cpuBefore)
      resolve({
        seconds: (Math.min(performance.now(), until) - since) / 1_000,
        answered: Float64Array.from(answered),
        refused: Float64Array.from(refused),
        inTime,
        broken: broken + inFlight.size,
        statuses,
        cpu: user + system,
      })
    }
    const last = setTimeout(finish, until - since + graceMs)

    const settle = (connection: Connection, status: number | undefined, dueAt: number) => {
      inFlight.delete(connection)
      const now = performance.now()
      if (status === undefined) broken++
      else {
        statuses[status] = (statuses[status] ?? 0) + 1
        if (status === 200 && now < until) inTime++
        ;(status === 200 ? answered : refused).push(now - dueAt)
      }
      if (connection.isOpen) idle.push(connection)
      else opened--
      if (now >= until) {
        if (inFlight.size === 0) finish()
      } else if (perSecond === undefined) send(now)
    }

    const send = (dueAt: number) => {
      const request = requests[next++ % requests.length] ?? new Uint8Array()
      let connection = idle.pop()
      while (connection && !connection.isOpen) {
        opened--
        connection = idle.pop()
      }
      if (!connection) {
        if (opened >= connections) {
          broken++
          return
        }
        opened++
        connection = new Connection(port)
      }
      inFlight.add(connection)
      connection.send(request, (of, status) => settle(of, status, dueAt))
    }

    if (perSecond === undefined) for (let index = 0; index < connections; index++) send(since)
    else sendAtTimes(perSecond, since, until, send, () => inFlight.size === 0 && finish())
  })
}

/** Calls `send` with the times of a Poisson process, and `ended` after the last one. */
function sendAtTimes(
  perSecond: number,
  since: number,
  until: number,
  send: (dueAt: number) => void,
  ended: () => void,
): void {
  const random = seeded(1)
  let dueAt = since
  const sendDue = () => {
    const now = Math.min(performance.now(), until)
    while (dueAt < now) {
      send(dueAt)
      dueAt -= (Math.log(1 - random()) / perSecond) * 1_000
    }
    if (now < until) setTimeout(sendDue, 1)
    else ended()
  }
  sendDue()
}

function preferThisProcess(): void {
  try {
    setPriority(-10)
  } catch {
    // Only some users may.
  }
}

process.on('message', async (task: Task) => process.send?.(await load(task)))
process.on('disconnect', () => process.exit(0))

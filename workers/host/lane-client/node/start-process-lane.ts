import { fork } from 'node:child_process'
import { Duplex, type Readable } from 'node:stream'
import type { Clock } from '../../../../models/async/clock.ts'
import { SpillwayError } from '../../../../models/core/index.ts'
import { heartbeatDescriptor } from '../../../protocol/heartbeat.ts'
import { messageDescriptor, pipeEndpoint } from '../../../protocol/node/pipe-endpoint.ts'
import { connectLane, isLaneLost, type Lane, laneLimits } from '../lane.ts'
import { endWhenSilent } from './heartbeat.ts'
import { endWhenTooLarge } from './memory-limit.ts'

/** A lane in a child process. */
export interface ProcessLane extends Lane {
  readonly pid: number | undefined
}

/**
 * Starts a lane in a new child process, so that a native crash costs one lane and not the server.
 *
 * @param env Variables of its own, besides those of this process.
 */
export function startProcessLane(
  entry: URL,
  clock: Clock,
  limits = laneLimits,
  env: Readonly<Record<string, string>> = {},
): ProcessLane {
  const child = fork(entry, {
    env: { ...process.env, ...env },
    execArgv: [],
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe', 'pipe'],
  })
  const stream = child.stdio[messageDescriptor]
  const pipe = stream instanceof Duplex ? stream : undefined
  const endpoint = pipeEndpoint(pipe)
  // It breaks with its process, whose end is reported by itself.
  pipe?.on('error', () => undefined)
  const lane = connectLane(
    {
      endpoint,
      copiesMessages: true,
      // Not SIGTERM: its handler cannot run during a synchronous native call.
      terminate: () => child.kill('SIGKILL'),
      onEnd: (ended) => {
        child.on('exit', (code, signal) => ended(signal ? `killed by ${signal}` : `exit code ${code}`))
        child.on('message', (message) => {
          if (isLaneLost(message)) ended(message.reason)
        })
        // Once the process has started, its exit is reported. A message that could not be sent to it is no other failure.
        child.on('error', (error) => {
          if (child.pid === undefined) ended(error.message)
        })
      },
    },
    clock,
    limits,
  )
  pipe?.on('data', (chunk: Buffer) => {
    try {
      endpoint.receive(chunk)
    } catch (cause) {
      // What follows cannot be read either.
      pipe.removeAllListeners('data').resume()
      lane.kill(SpillwayError.from(cause, 'lane_lost', 'A message of the lane cannot be read'))
    }
  })
  const heart = child.stdio[heartbeatDescriptor] as Readable | null | undefined
  if (heart) {
    endWhenSilent(lane, heart, clock, limits.hungMs)
    endWhenTooLarge(lane, heart, limits)
  }
  return { ...lane, pid: child.pid }
}

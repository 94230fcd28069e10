import { fork } from 'node:child_process'
import type { Clock } from '../../../../models/async/clock.ts'
import { processEndpoint } from '../../../protocol/process-endpoint.ts'
import { connectLane, type Lane, type LaneLimits } from '../lane.ts'

/** A lane and the process that it runs in. */
export interface ProcessLane extends Lane {
  readonly pid: number | undefined
}

/** A lane in a new child process, so that a native crash costs one lane and never the server. */
export function startProcessLane(entry: URL, clock: Clock, limits?: LaneLimits): ProcessLane {
  const child = fork(entry, { serialization: 'advanced', execArgv: [] })
  const lane = connectLane(
    {
      endpoint: processEndpoint(child),
      // Not SIGTERM: a run is a synchronous native call, no handler would get a turn.
      terminate: () => child.kill('SIGKILL'),
      onEnd: (ended) => {
        child.on('exit', (code, signal) => ended(signal ? `killed by ${signal}` : `exit code ${code}`))
        // A message that could not be sent to a process that is ending is told by its exit.
        child.on('error', (error) => {
          if (child.pid === undefined) ended(error.message)
        })
      },
    },
    clock,
    limits,
  )
  return { ...lane, pid: child.pid }
}

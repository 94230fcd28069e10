import type { TestServer } from '../../support/server.ts'
import type { Task } from './client.ts'
import { cpuTime } from './cpu-time.ts'
import type { Client } from './start.ts'

export interface CpuLoad {
  readonly perSecond: number
  /** Milliseconds of CPU a request, lanes included; NaN where there is no `/proc`. */
  readonly cpu: number
}

/** Loads a server and reads its CPU time. @throws Error Where a request was not answered with 200. */
export async function loadWithCpu(
  client: Client,
  { url, pid }: TestServer,
  load: Omit<Task, 'port'>,
): Promise<CpuLoad> {
  const before = cpuTime(pid) ?? Number.NaN
  const done = await client.load({ port: Number(url.port), ...load })
  const after = cpuTime(pid) ?? Number.NaN
  if (done.refused.length + done.broken > 0)
    throw new Error(`Not all were answered: ${JSON.stringify(done.statuses)}, ${done.broken} broken`)
  return { perSecond: done.inTime / done.seconds, cpu: (after - before) / done.answered.length }
}

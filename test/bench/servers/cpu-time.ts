import { existsSync, readFileSync } from 'node:fs'

/** Milliseconds of the tick in which Linux counts CPU time. */
const tickMs = 10

/** Milliseconds of CPU of a process and its children so far, ended ones included; undefined where there is no `/proc`. */
export function cpuTime(pid: number): number | undefined {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined
  let ms = 0
  for (const id of [pid, ...childrenOf(pid)]) ms += timeOf(id)
  return ms
}

/** The process ids of a process's children, such as a server's lanes. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

/** A process's own time, and that of its ended children. */
function timeOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * tickMs
}

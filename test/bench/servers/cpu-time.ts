import { existsSync, readFileSync } from 'node:fs'

/** Milliseconds of a tick in which Linux counts a process's time. */
const tickMs = 10

/** Milliseconds of CPU that a process and its children took so far, those that ended included; nothing where no `/proc` tells. */
export function cpuTime(pid: number): number | undefined {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined
  let ms = 0
  for (const one of [pid, ...childrenOf(pid)]) ms += timeOf(one)
  return ms
}

const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

/** Its own time, and that of its children that ended. */
function timeOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * tickMs
}

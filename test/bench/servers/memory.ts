import { readFileSync } from 'node:fs'
import { childrenOf } from './cpu-time.ts'

/** Bytes of memory that a process holds now; 0 where it has ended. */
export function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** Bytes of a server's lanes. */
export const laneBytes = (pid: number): number =>
  childrenOf(pid).reduce((sum, lane) => sum + residentBytes(lane), 0)

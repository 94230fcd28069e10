import { Presets, SingleBar } from 'cli-progress'
import type { Io } from './io.ts'

/** A bar for long work: on standard error, where a person looks on; elsewhere nothing. */
export interface Progress {
  update(done: number, total: number): void
  stop(): void
}

export function startProgress(io: Io, title: string): Progress {
  if (!io.errIsTerminal) return { update: () => {}, stop: () => {} }
  const bar = new SingleBar(
    {
      format: `${title}  {bar}  {percentage}%  {duration_formatted}`,
      clearOnComplete: true,
      hideCursor: true,
    },
    Presets.rect,
  )
  let started = false
  return {
    update: (done, total) => {
      if (started) bar.setTotal(total)
      else bar.start(total, 0)
      started = true
      bar.update(done)
    },
    stop: () => bar.stop(),
  }
}

import { Presets, SingleBar } from 'cli-progress'
import type { Io } from './io.ts'

type Update = (done: number, total: number) => void

/** Shows a bar while `work` runs: on standard error where that is a terminal, else nothing. */
export async function withProgress<T>(
  io: Io,
  title: string,
  work: (update: Update) => T | Promise<T>,
): Promise<T> {
  if (!io.errIsTerminal) return work(() => {})
  const bar = new SingleBar(
    {
      format: `${title}  {bar}  {percentage}%  {duration_formatted}`,
      clearOnComplete: true,
      // Ctrl-C ends the process at once: a hidden cursor, and lines that do not wrap, would stay so.
      hideCursor: false,
      linewrap: true,
    },
    Presets.rect,
  )
  let started = false
  try {
    return await work((done, total) => {
      if (started) bar.setTotal(total)
      else bar.start(total, 0)
      started = true
      bar.update(done)
    })
  } finally {
    bar.stop()
  }
}

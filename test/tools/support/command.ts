import type { Io } from '../../../models/cli/io.ts'
import { run } from '../../../models/cli/run.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs the command as from a shell without a terminal. */
export async function spillway(...args: readonly string[]): Promise<Ran> {
  const said = { out: '', err: '' }
  const io: Io = {
    out: (text) => {
      said.out += text
    },
    err: (text) => {
      said.err += text
    },
    outIsTerminal: false,
    errIsTerminal: false,
  }
  const code = await run(args, io)
  return { code, ...said }
}

/** What a command that must go well prints as JSON. */
export async function spillwayJson<T>(...args: readonly string[]): Promise<T> {
  const { code, out, err } = await spillway(...args, '--json')
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`)
  return JSON.parse(out) as T
}

import { CommanderError } from 'commander'
import { messageOf, SpillwayError } from '../core/error.ts'
import { CheckFailed, type Io, plain } from './io.ts'
import { createProgram } from './program.ts'

/** Exit codes of the command. */
export const exitCodes = {
  done: 0,
  /** The work or the check failed. */
  failed: 1,
  /** The arguments are wrong. */
  usage: 2,
} as const

/** Runs the command and resolves to its exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync(args, { from: 'user' })
    return exitCodes.done
  } catch (cause) {
    // Commander has printed its message already.
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (cause instanceof CheckFailed) return exitCodes.failed
    report(cause, args.includes('--json'), io)
    return exitCodes.failed
  }
}

export function report(cause: unknown, json: boolean, io: Io): void {
  const error = cause instanceof SpillwayError ? cause : new SpillwayError('internal', messageOf(cause))
  if (json) io.out(`${JSON.stringify({ error: error.toWire() }, null, 2)}\n`)
  io.err(`spillway: ${plain(error.message)}\n`)
  if (!(cause instanceof SpillwayError) && process.env.SPILLWAY_DEBUG && cause instanceof Error) {
    io.err(`${cause.stack ?? ''}\n`)
  }
}

import { CommanderError } from 'commander'
import { messageOf, SpillwayError } from '../core/error.ts'
import { CheckFailed, type Io, plain } from './io.ts'
import { createProgram } from './program.ts'

/** What the command's end tells a script. */
export const exitCodes = {
  done: 0,
  /** It was asked for something that it cannot do, or found what it checks for. */
  failed: 1,
  /** It does not understand how it was called. */
  usage: 2,
} as const

/** Runs the command with its arguments and tells its exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync(args, { from: 'user' })
    return exitCodes.done
  } catch (cause) {
    // Commander has said it already.
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? exitCodes.done : exitCodes.usage
    if (cause instanceof CheckFailed) return exitCodes.failed
    report(cause, args.includes('--json'), io)
    return exitCodes.failed
  }
}

function report(cause: unknown, json: boolean, io: Io): void {
  const error = cause instanceof SpillwayError ? cause : new SpillwayError('internal', messageOf(cause))
  if (json) io.out(`${JSON.stringify({ error: error.toWire() }, null, 2)}\n`)
  io.err(`spillway: ${plain(error.message)}\n`)
  if (!(cause instanceof SpillwayError) && process.env.SPILLWAY_DEBUG && cause instanceof Error) {
    io.err(`${cause.stack ?? ''}\n`)
  }
}

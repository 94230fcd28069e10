import { Command } from 'commander'
import { version } from '../../package.json'
import { batchCommand } from './commands/batch.ts'
import { compareCommand } from './commands/compare.ts'
import { importCommand } from './commands/import.ts'
import { inspectCommand } from './commands/inspect.ts'
import { manifestCommand } from './commands/manifest.ts'
import { pruneCommand } from './commands/prune.ts'
import { pullCommand } from './commands/pull.ts'
import { quantizeCommand } from './commands/quantize.ts'
import { verifyCommand } from './commands/verify.ts'
import type { Io } from './io.ts'

const commands = [
  pullCommand,
  inspectCommand,
  compareCommand,
  quantizeCommand,
  batchCommand,
  pruneCommand,
  importCommand,
  manifestCommand,
  verifyCommand,
]

export function createProgram(io: Io): Command {
  const program = new Command('spillway')
    .description(
      'Fetches ONNX models, looks into them, makes them smaller and faster, and checks that they still answer the same.',
    )
    .version(version)
  for (const command of commands) program.addCommand(command(io))
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: io.out, writeErr: io.err })
    command.showHelpAfterError(
      `(${['spillway', command === program ? '' : command.name()].join(' ').trim()} --help)`,
    )
  }
  return program
}

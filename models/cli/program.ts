import { Command } from 'commander'
import { version } from '../../package.json'
import { adaptCommand } from './commands/adapt.ts'
import { batchCommand } from './commands/batch.ts'
import { compareCommand } from './commands/compare.ts'
import { importCommand } from './commands/import.ts'
import { inspectCommand } from './commands/inspect.ts'
import { keyCommand } from './commands/key.ts'
import { manifestCommand } from './commands/manifest.ts'
import { pageCommand } from './commands/page.ts'
import { pruneCommand } from './commands/prune.ts'
import { pullCommand } from './commands/pull.ts'
import { quantizeCommand } from './commands/quantize.ts'
import { serveCommand } from './commands/serve.ts'
import { verifyCommand } from './commands/verify.ts'
import type { Io } from './io.ts'

const commands = [
  pullCommand,
  inspectCommand,
  compareCommand,
  quantizeCommand,
  batchCommand,
  pruneCommand,
  pageCommand,
  importCommand,
  adaptCommand,
  manifestCommand,
  verifyCommand,
  keyCommand,
  serveCommand,
]

export function createProgram(io: Io): Command {
  const program = new Command('spillway')
    .description(
      'Fetches ONNX models, looks into them, makes them smaller and faster, checks that they still answer the same, and serves them.',
    )
    .version(version)
  for (const command of commands) program.addCommand(command(io))
  prepare(program, io, [])
  return program
}

function prepare(command: Command, io: Io, parents: readonly string[]): void {
  const names = [...parents, command.name()]
  command.exitOverride().configureOutput({ writeOut: io.out, writeErr: io.err })
  command.showHelpAfterError(`(${names.join(' ')} --help)`)
  for (const child of command.commands) prepare(child, io, names)
}

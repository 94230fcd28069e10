import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { SpillwayError } from '../core/error.ts'
import { runsVariable } from '../tools/run-model/run-process.ts'

/** Starts the server that is built beside the command, with variables of its own. It goes on when this returns. */
export async function startServer(variables: Readonly<Record<string, string>>): Promise<void> {
  const [, command] = process.argv
  if (command === undefined) throw new SpillwayError('internal', 'The command has no file of its own')
  // The server refuses variables that it does not know.
  delete process.env[runsVariable]
  Object.assign(process.env, variables)
  // A server outlives the reader of its log.
  process.stdout.removeAllListeners('error')
  // The command may be a link, such as npm makes in `node_modules/.bin`.
  const script = new URL('./main.js', pathToFileURL(realpathSync(command)))
  await import(script.href)
}

#!/usr/bin/env node
import { processIo } from './io.ts'
import { run } from './run.ts'

// A reader such as `head` may close the pipe before the end.
process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  if (cause.code !== 'EPIPE') throw cause
  process.exit()
})
process.exitCode = await run(process.argv.slice(2), processIo)

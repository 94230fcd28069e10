#!/usr/bin/env node
import { watchedVariable } from '../tools/run-model/report-step.ts'
import { watch } from './watch.ts'

if (process.env[watchedVariable] === undefined) process.exitCode = await watch(process.argv.slice(1))
else {
  const [{ run }, { processIo }] = await Promise.all([import('./run.ts'), import('./io.ts')])
  // A reader such as `head` may close the pipe before the end.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause
    process.exit()
  })
  // The watching process was killed. The listener alone would keep this process alive.
  process.on('disconnect', () => process.exit())
  process.channel?.unref()
  process.exitCode = await run(process.argv.slice(2), processIo)
}

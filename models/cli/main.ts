#!/usr/bin/env node
import { watchedVariable } from '../tools/run-model/report-step.ts'
import { runsVariable, serveRunsValue } from '../tools/run-model/run-process.ts'
import { mayCrash, watch } from './watch.ts'

const args = process.argv.slice(2)

if (process.env[runsVariable] === serveRunsValue) {
  const { serveRuns } = await import('../tools/run-model/serve-runs.ts')
  serveRuns()
} else if (process.env[watchedVariable] === undefined && mayCrash(args)) {
  process.exitCode = await watch(process.argv.slice(1))
} else {
  process.env[runsVariable] = process.argv[1]
  const [{ run }, { processIo }] = await Promise.all([import('./run.ts'), import('./io.ts')])
  // A reader such as `head` may close the pipe before the end.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause
    process.exit()
  })
  // The watching process was killed. The listener alone would keep this process alive.
  process.on('disconnect', () => process.exit())
  process.channel?.unref()
  process.exitCode = await run(args, processIo)
}

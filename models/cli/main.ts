#!/usr/bin/env node
import { fork } from 'node:child_process'
import { processIo } from './io.ts'
import { exitCodes, run } from './run.ts'

/** Signals that ask the command to end. Others are faults. */
const requests: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

// The child of `runInChild` has a channel to its parent.
process.exitCode = process.connected ? await work() : await runInChild()

function work(): Promise<number> {
  // A reader such as `head` may close the pipe before the end.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause
    process.exit()
  })
  return run(process.argv.slice(2), processIo)
}

/** The work is done in a child process: a fault of the native runtime ends its process without a word. */
function runInChild(): Promise<number> {
  const child = fork(process.argv[1] ?? '', process.argv.slice(2), { stdio: 'inherit' })
  for (const signal of requests) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (signal !== null && !requests.includes(signal)) processIo.err(faultOf(signal))
      resolve(code ?? exitCodes.failed)
    })
  })
}

function faultOf(signal: NodeJS.Signals): string {
  return signal === 'SIGKILL'
    ? 'spillway: the process was killed, perhaps for want of memory\n'
    : `spillway: ONNX Runtime crashed (${signal}): it cannot load or run such a model or such inputs\n`
}

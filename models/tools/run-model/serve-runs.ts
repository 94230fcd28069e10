import { Worker } from 'node:worker_threads'
import { SpillwayError } from '../../core/error.ts'
import { ortRuntime } from './ort.ts'
import type { RunReply, RunRequest } from './run-process.ts'
import type { Runnable } from './runtime.ts'

/**
 * Runs in a thread of its own: a run blocks the main thread, which then does not notice that the command has ended. Its
 * argument is the command's process.
 */
const watchdog = `
  const { workerData } = require('node:worker_threads')
  setInterval(() => { if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL') }, 500)`

/** Loads and runs one model for the process that started this one. */
export function serveRuns(): void {
  new Worker(watchdog, { eval: true, workerData: process.ppid })
  let runnable: Runnable | undefined
  const answer = async (request: RunRequest): Promise<Omit<RunReply, 'id'>> => {
    if ('run' in request) return { outputs: (await runnable?.run(request.run)) ?? {} }
    runnable = await ortRuntime.load(request.load.path, request.load.options)
    const { inputNames, outputNames, outputTypes } = runnable
    return { loaded: { inputNames, outputNames, outputTypes } }
  }
  process.on('message', async (request: RunRequest) => {
    const reply: Omit<RunReply, 'id'> = await answer(request).catch((cause: unknown) => ({
      error: SpillwayError.from(cause, 'internal', 'The model failed').toWire(),
    }))
    process.send?.({ id: request.id, ...reply })
  })
  process.on('disconnect', () => process.exit())
}

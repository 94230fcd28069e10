import { fork } from 'node:child_process'
import { type Clock, systemClock } from '../../async/clock.ts'
import { SpillwayError } from '../../core/error.ts'
import { ortRuntime } from './ort.ts'
import { watchedVariable } from './report-step.ts'
import { type RunReply, type RunRequest, type RunWork, runsVariable, serveRunsValue } from './run-process.ts'
import type { LoadOptions, Runnable, Runtime } from './runtime.ts'

/**
 * Runs models on inputs that were made up, on which a model may hang or crash. In the command each has a process of its
 * own, which is ended after the time limit. Elsewhere there is no script to start, and models run in this process.
 *
 * Loads and runs reject with `deadline_exceeded` after the limit, and with `lane_lost` after a crash.
 *
 * @param limitMs From the load of a model to its release.
 */
export const separateRuntime = (limitMs: number, clock: Clock = systemClock): Runtime => ({
  load: (path, options) => {
    const script = process.env[runsVariable]
    return script === undefined
      ? ortRuntime.load(path, options)
      : loadSeparately(script, path, options, limitMs, clock)
  },
})

async function loadSeparately(
  script: string,
  path: string,
  options: LoadOptions,
  limitMs: number,
  clock: Clock,
): Promise<Runnable> {
  const child = fork(script, [], {
    env: { ...process.env, [runsVariable]: serveRunsValue, [watchedVariable]: undefined },
    // Typed arrays stay what they are.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const waiting = new Map<number, { resolve(reply: RunReply): void; reject(cause: SpillwayError): void }>()
  let failure: SpillwayError | undefined
  let count = 0
  const fail = (error: SpillwayError) => {
    failure ??= error
    for (const { reject } of waiting.values()) reject(failure)
    waiting.clear()
    cancel()
    child.kill('SIGKILL')
  }
  const cancel = clock.after(limitMs, () =>
    fail(
      new SpillwayError('deadline_exceeded', `${path} runs too long on made-up inputs`, {
        expected: `at most ${limitMs / 1000} s for all runs`,
        hint: 'Where it takes longer, raise --run-limit.',
      }),
    ),
  )
  const onEnd = (end: string) =>
    fail(new SpillwayError('lane_lost', `ONNX Runtime crashed on ${path} with made-up inputs`, { got: end }))
  child.on('error', (cause) => onEnd(cause.message))
  child.once('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`))
  child.on('message', (reply: RunReply) => {
    waiting.get(reply.id)?.resolve(reply)
    waiting.delete(reply.id)
  })
  const ask = async (work: RunWork): Promise<RunReply> => {
    const reply = await new Promise<RunReply>((resolve, reject) => {
      if (failure) return reject(failure)
      const id = count++
      waiting.set(id, { resolve, reject })
      child.send({ id, ...work } satisfies RunRequest)
    })
    if (reply.error) throw SpillwayError.fromWire(reply.error)
    return reply
  }
  const release = async () => fail(new SpillwayError('closed', `${path} was released`))
  try {
    const { loaded = { inputNames: [], outputNames: [], outputTypes: [] } } = await ask({
      load: { path, options },
    })
    return { ...loaded, run: async (inputs) => (await ask({ run: inputs })).outputs ?? {}, release }
  } catch (cause) {
    await release()
    throw cause
  }
}

import { spawn } from 'node:child_process'
import { SpillwayError } from '../core/error.ts'
import { watchedVariable } from '../tools/run-model/report-step.ts'

const crashes: readonly (string | number | null)[] = [
  'SIGSEGV',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  // Windows: access violation, stack buffer overrun.
  0xc0000005,
  0xc0000409,
]

/** Commands that run models in their own process. Others start faster without a second one. */
const runningCommands: readonly string[] = ['batch', 'compare', 'import', 'prune', 'quantize']

/** Whether the command may run a model, so that a crash has to be reported. */
export const mayCrash = ([command = '', ...options]: readonly string[]): boolean =>
  runningCommands.includes(command) && !options.includes('--help') && !options.includes('-h')

/**
 * Runs the command in a process of its own, because ONNX Runtime may crash on a model, and resolves to its exit code.
 *
 * @param argv The script and its arguments.
 */
export async function watch(argv: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, ...argv], {
    env: { ...process.env, [watchedVariable]: '1' },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  let step = 'worked'
  child.on('message', (message) => {
    step = String(message)
  })
  // Ctrl-C and a closed terminal reach both processes, which does no harm; other senders know this one only.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill(name))
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve([code, signal]))
  })
  const end = signal ?? code
  if (crashes.includes(end)) return reportCrash(argv.slice(1), step, String(end))
  if (!signal) return code ?? 1
  // As a shell reports a command that was ended by a signal.
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
  return 1
}

async function reportCrash(args: readonly string[], step: string, end: string): Promise<number> {
  const [{ exitCodes, report }, { processIo }] = await Promise.all([import('./run.ts'), import('./io.ts')])
  const error = new SpillwayError('run_failed', `ONNX Runtime crashed (${end}) while it ${step}`, {
    hint:
      'The file may be valid: another backend (--on wasm, where the command has it), graphOptimizationLevel ' +
      '"extended" or another precision may work.',
  })
  report(error, args.includes('--json'), processIo)
  return exitCodes.failed
}

/** Runs two commands, apart by `--`, and ends with what the second one cost a process that the first had warmed up, as JSON. */
import { readFileSync } from 'node:fs'
import { run } from '../../../models/cli/run.ts'

const quiet = {
  out: () => {},
  err: (text: string) => {
    process.stderr.write(text)
  },
  outIsTerminal: false,
  errIsTerminal: false,
}

/** The most memory that this process has had, in bytes. `maxRSS` is on Linux that of who started it, too. */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
}

const args = process.argv.slice(2)
const between = args.indexOf('--')
process.exitCode = await run(args.slice(0, between), quiet)
const [base, used] = [peakBytes(), process.cpuUsage()]
process.exitCode ||= await run(args.slice(between + 1), quiet)
const { user, system } = process.cpuUsage(used)
process.stdout.write(JSON.stringify({ cpuMs: (user + system) / 1000, peakBytes: peakBytes() - base }))

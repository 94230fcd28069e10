/** Runs the command that its arguments are, and ends with what it cost this process, as JSON. */
import { run } from '../../../models/tools/cli/run.ts'

const code = await run(process.argv.slice(2), {
  out: () => {},
  err: (text) => {
    process.stderr.write(text)
  },
  outIsTerminal: false,
  errIsTerminal: false,
})
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
process.stdout.write(
  JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1000, peakBytes: maxRSS * 1024 }),
)
process.exitCode = code

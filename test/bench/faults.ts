import { runFaults } from '../support/faults/run-faults.ts'
import { startFaultyServer } from '../support/faults/start-server.ts'
import { atMost, type Bench } from './bench-definition.ts'

const count = 200
const hungWithinMs = 5_000

export const faults: Bench = {
  name: 'faults',
  description: `${count} random faults (lanes killed and stopped, upstreams that break off, slow, leaving and half-open clients, malformed frames, a full log) while runs and texts with known answers are asked for: requests that settle otherwise than once, with their own answer`,
  run: async ({ isTrial }) => {
    const server = await startFaultyServer()
    const report = await runFaults(server, 1, isTrial ? count / 10 : count)
    await server.stop()
    const failed = Object.values(report.failed).reduce((sum, one) => sum + one, 0)
    process.stderr.write(
      `  made: ${JSON.stringify(report.made)}\n  ${report.answered} answered, told to come again: ${report.postponed}, failed: ${JSON.stringify(report.failed)}\n`,
    )
    for (const complaint of [...report.wrong, ...report.complaints]) process.stderr.write(`  ${complaint}\n`)
    const none = (metric: string, ours: number) => atMost('faults', metric, { ours, theirs: 0 }, 0)
    const slowest = Math.max(...report.hungMs)
    return [
      none('requests lost', report.lost),
      none('answers doubled', report.doubled),
      none('answers wrong or of another request', report.wrong.length),
      none('requests that failed', failed),
      none('faults that the server did not bear', report.complaints.length),
      atMost(
        'faults',
        'ms until a stopped lane was ended, the longest; theirs: the bound',
        { ours: slowest, theirs: hungWithinMs, ratio: slowest / hungWithinMs },
        1,
        '×',
      ),
    ]
  },
}

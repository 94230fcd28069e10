import { mkdir, writeFile } from 'node:fs/promises'
import type { Bench, Comparison } from '../bench-definition.ts'
import { chartOf } from './chart.ts'
import { oneOf } from './scenarios.ts'
import { simulateAll } from './simulate-apart.ts'
import type { Summary } from './summary.ts'
import { tableOf } from './table.ts'

/** Seconds of one core that a simulated day may take. */
const mostSeconds = 120

export const scale: Bench = {
  name: 'scale',
  description: `a simulated day of a million visitors (one of ${oneOf} is simulated): policy auto against a site whose server answers all, and against devices alone, with a flash crowd, a lost region and a bad release`,
  run: async () => {
    const summaries: Summary[] = []
    for await (const summary of simulateAll()) {
      process.stderr.write(
        `  ${summary.name}, ${summary.policy}: ${summary.visitors} visitors in ${summary.cpuSeconds.toFixed(0)} s of a core\n`,
      )
      summaries.push(summary)
    }
    await drawCharts(summaries)
    process.stderr.write(`${tableOf(summaries)}\n`)
    return comparisonsOf(summaries)
  },
}

async function drawCharts(summaries: readonly Summary[]): Promise<void> {
  const folder = new URL('./charts/', import.meta.url)
  await mkdir(folder, { recursive: true })
  for (const name of new Set(summaries.map((summary) => summary.name))) {
    const own = summaries.filter((summary) => summary.name === name)
    await writeFile(new URL(`${name.replaceAll(' ', '-')}.svg`, folder), chartOf(own))
  }
}

function comparisonsOf(summaries: readonly Summary[]): Comparison[] {
  const find = (name: string, policy: string): Summary => {
    const found = summaries.find((summary) => summary.name === name && summary.policy === policy)
    if (!found) throw new Error(`${name} was not simulated with policy ${policy}`)
    return found
  }
  const day = find('ordinary day', 'auto')
  const served = find('ordinary day', 'server')
  const alone = find('ordinary day', 'device')
  const lossOf = ({ runs, texts }: Summary) =>
    ((runs.refused + runs.left) * runs.asked + (texts.refused + texts.left) * texts.asked) /
    (runs.asked + texts.asked)
  const atMost = (metric: string, ours: number, theirs: number, most: number): Comparison => {
    const ratio = theirs === 0 ? ours : ours / theirs
    return { bench: 'scale', metric, ours, theirs, ratio, reach: `≤ ${most}`, ok: ratio <= most }
  }
  const seconds = Math.max(...summaries.map(({ cpuSeconds }) => cpuSeconds))
  return [
    atMost('seconds of a core for a day; theirs: the bound', seconds, mostSeconds, 1),
    atMost('dollars of servers a day, against the server alone', day.dollars, served.dollars, 1),
    atMost('p99 ms of runs, an ordinary day, against the server alone', day.runs.p99, served.runs.p99, 1.1),
    atMost('p99 ms of runs, an ordinary day, against devices alone', day.runs.p99, alone.runs.p99, 1),
    ...['flash crowd', 'few servers', 'region lost'].map((name) =>
      atMost(
        `lost, ${name}; share of all, against the server alone`,
        lossOf(find(name, 'auto')),
        lossOf(find(name, 'server')),
        1,
      ),
    ),
    atMost(
      'lost, bad release; share of all, against devices alone',
      lossOf(find('bad release', 'auto')),
      lossOf(find('bad release', 'device')),
      1,
    ),
  ]
}

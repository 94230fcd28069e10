import { oneOf } from './scenarios.ts'
import type { Figures, Summary } from './summary.ts'

const percent = (share: number): string =>
  Number.isNaN(share) ? '–' : `${(100 * share).toFixed(share > 0 && share < 0.01 ? 2 : 1)}%`
const ms = (value: number): string =>
  Number.isNaN(value)
    ? '–'
    : value >= 1_000
      ? `${(value / 1_000).toFixed(1)} s`
      : `${value.toPrecision(3)} ms`

const cellsOf = ({ deviceShare, p50, p99, refused, left }: Figures) => [
  percent(deviceShare),
  ms(p50),
  ms(p99),
  percent(refused),
  percent(left),
]

const head = [
  'scenario',
  'policy',
  'requests',
  'device',
  'p50',
  'p99',
  'refused',
  'left',
  'texts: device',
  'p50',
  'p99',
  'refused',
  'left',
  'server hours (CPU, GPU)',
  'dollars',
]

const rowOf = (summary: Summary) => [
  summary.name,
  summary.policy,
  `${(((summary.runs.asked + summary.texts.asked) * oneOf) / 1e6).toFixed(2)} M`,
  ...cellsOf(summary.runs),
  ...cellsOf(summary.texts),
  `${summary.hours.cpu.toFixed(0)}, ${summary.hours.gpu.toFixed(0)}`,
  summary.dollars.toFixed(0),
]

/** All scenarios as a table in Markdown. */
export const tableOf = (summaries: readonly Summary[]): string =>
  [head, head.map(() => '---'), ...summaries.map(rowOf)].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

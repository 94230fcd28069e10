import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { env } from 'onnxruntime-common'
import { launchWholeBrowser } from '../support/page.ts'
import type { Bench, Comparison } from './bench-definition.ts'

const figure = (value: number) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3)

const row = ({ bench, metric, ours, theirs, ratio, reach, ok }: Comparison) => [
  bench,
  metric,
  figure(ours),
  figure(theirs),
  ratio.toFixed(2),
  reach,
  ok ? 'yes' : 'no',
]

const head = ['bench', 'metric', 'ours', 'theirs', 'ratio', 'to reach', 'reached']

export function printTable(results: readonly Comparison[]): void {
  const rows = [head, ...results.map(row)]
  const widths = head.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  for (const cells of rows) {
    process.stdout.write(
      `${cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
  }
}

/** Writes all figures of one run to RESULTS.md, with the machine and the versions. */
export async function writeResults(benches: readonly Bench[], results: readonly Comparison[]): Promise<void> {
  const browser = await launchWholeBrowser()
  const chromium = browser.version()
  await browser.close()
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}, Chromium ${chromium}, onnxruntime ${env.versions.common}`
  const lines = [
    '# Benchmarks',
    '',
    'Written by `npm run bench`. Both sides of a comparison run in one process, taking turns; the figures are medians. [README.md](README.md) says how to run a bench.',
    '',
    `${new Date().toISOString().slice(0, 10)}. ${machine}.`,
    '',
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...results.map((result) => `| ${row(result).join(' | ')} |`),
    '',
    ...benches.map(({ name, description }) => `- **${name}**: ${description}.`),
    '',
  ]
  await writeFile(new URL('./RESULTS.md', import.meta.url), lines.join('\n'))
}

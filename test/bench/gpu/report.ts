import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { env } from 'onnxruntime-common'
import type { Row } from './row.ts'

const head = ['where', 'model', 'rows', 'GPU ms', 'CPU ms', 'CPU / GPU']

const cells = ({ where, model, rows, gpuMs, cpuMs }: Row) => [
  where,
  model,
  String(rows),
  gpuMs.toFixed(2),
  cpuMs.toFixed(2),
  (cpuMs / gpuMs).toFixed(2),
]

export function printRows(rows: readonly Row[]): void {
  const table = [head, ...rows.map(cells)]
  const widths = head.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)))
  for (const line of table)
    process.stdout.write(
      `${line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
}

export async function writeRows(device: string, rows: readonly Row[]): Promise<void> {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}, onnxruntime ${env.versions.common}`
  const lines = [
    '# Benchmarks on a GPU',
    '',
    'Written by `npm run bench:gpu`: medians of one run of so many rows on the GPU (WebGPU) and on the CPU of the same machine.',
    '',
    `${new Date().toISOString().slice(0, 10)}. ${device}; ${machine}.`,
    '',
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...rows.map((row) => `| ${cells(row).join(' | ')} |`),
    '',
  ]
  await writeFile(new URL('../RESULTS.gpu.md', import.meta.url), lines.join('\n'))
}

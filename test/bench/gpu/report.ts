import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { env } from 'onnxruntime-common'
import type { Row } from './row.ts'
import type { StreamRow } from './streams.ts'

/** Cells by row, the first of them the head. */
type Table = readonly (readonly string[])[]

const runsTable = (rows: readonly Row[]): Table => [
  ['where', 'model', 'rows', 'GPU ms', 'CPU ms', 'CPU / GPU'],
  ...rows.map(({ where, model, rows, gpuMs, cpuMs }) => [
    where,
    model,
    String(rows),
    gpuMs.toFixed(2),
    cpuMs.toFixed(2),
    (cpuMs / gpuMs).toFixed(2),
  ]),
]

const streamsTable = (rows: readonly StreamRow[]): Table => [
  ['model', 'texts at once', 'tokens/s', 'of transformers.js', 'ratio'],
  ...rows.map(({ model, streams, ours, theirs }) => [
    model,
    String(streams),
    ours.toFixed(1),
    theirs?.toFixed(1) ?? '–',
    theirs ? (ours / theirs).toFixed(2) : '–',
  ]),
]

export function printTables(rows: readonly Row[], streams: readonly StreamRow[]): void {
  for (const table of [runsTable(rows), streamsTable(streams)]) print(table)
}

function print(table: Table): void {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  )
  for (const line of table)
    process.stdout.write(
      `${line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
  process.stdout.write('\n')
}

export async function writeTables(
  device: string,
  rows: readonly Row[],
  streams: readonly StreamRow[],
): Promise<void> {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}, onnxruntime ${env.versions.common}`
  const lines = [
    '# Benchmarks on a GPU',
    '',
    'Written by `npm run bench:gpu`: medians of one run of so many rows on the GPU (WebGPU) and on the CPU of the same machine.',
    '',
    `${new Date().toISOString().slice(0, 10)}. ${device}; ${machine}.`,
    '',
    ...markdown(runsTable(rows)),
    '',
    'Texts of 64 tokens in Chromium, in a lane with a slot for each, and as many calls of transformers.js at once on the same file. The model has 110 million parameters of random weights.',
    '',
    ...markdown(streamsTable(streams)),
    '',
  ]
  await writeFile(new URL('../RESULTS.gpu.md', import.meta.url), lines.join('\n'))
}

const markdown = ([head = [], ...rows]: Table): string[] =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)

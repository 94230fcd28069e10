import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { env } from 'onnxruntime-common'
import { fullAmount } from './amounts.ts'
import type { Row } from './row.ts'
import type { StreamRow } from './stream-row.ts'
import { bareRatio, targetsOf } from './targets.ts'
import { print } from './tell.ts'

/** All that a sitting found. */
export interface Figures {
  readonly rows: readonly Row[]
  readonly streams: readonly StreamRow[]
  /** What failed or was left out, and why. */
  readonly notes: readonly string[]
}

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

const show = (value: number | undefined, digits = 1) => value?.toFixed(digits) ?? '–'

/** Tokens a second on each side. */
const streamsTable = (rows: readonly StreamRow[]): Table => [
  ['variant', 'texts at once', 'ours', 'transformers.js', 'WebLLM', 'ours in Node'],
  ...rows.map(({ variant, streams, ours, transformers, webLlm, node }) => [
    variant,
    String(streams),
    ...[ours, transformers, webLlm, node].map((rate) => show(rate)),
  ]),
]

const bareTable = (rows: readonly StreamRow[]): Table => [
  ['variant', 'rows', 'ours without prompts', 'bare loop', 'ratio'],
  ...rows
    .filter(({ bare }) => bare !== undefined)
    .map((row) => [
      row.variant,
      String(row.streams),
      show(row.oursSteady),
      show(row.bare),
      show(bareRatio(row), 2),
    ]),
]

const targetsTable = (rows: readonly StreamRow[]): Table => [
  ['target', 'variant', 'ratio', 'to reach', 'reached'],
  ...targetsOf(rows).map(({ what, reach, best, missing }) => [
    what,
    best?.variant ?? '–',
    show(best?.ratio, 2),
    `≥ ${reach}×`,
    best ? (best.ratio >= reach ? 'yes' : 'no') : `not measured${without(missing)}`,
  ]),
]

const without = (missing: readonly string[]) => (missing.length > 0 ? `: without ${missing.join(', ')}` : '')

export function printTables({ rows, streams, notes }: Figures): void {
  print('')
  for (const table of [runsTable(rows), streamsTable(streams), bareTable(streams), targetsTable(streams)])
    printTable(table)
  for (const note of notes) print(note)
}

function printTable(table: Table): void {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((line) => line[column]?.length ?? 0)),
  )
  for (const line of table)
    print(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  print('')
}

export async function writeTables(device: string, { rows, streams, notes }: Figures): Promise<void> {
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
    `Tokens a second of texts on the GPU: ${fullAmount.tokens} tokens each after a prompt of ${fullAmount.prompt}, from the first request to the last token. All sides have the sizes of Qwen2.5-0.5B with random weights, one Chromium, and one sitting. Ours writes through the public API; in Node, it is the server’s lane on onnxruntime-node’s WebGPU. It draws its tokens, since greedy texts of random weights repeat themselves and it would propose what repeats; the others write greedily. transformers.js runs the same file; WebLLM runs the library that MLC compiled for Qwen2-0.5B, beside the variant of the same floats. Both get as many calls at once: those of transformers.js interleave their runs and share none, and WebLLM writes one text after the other.`,
    '',
    ...markdown(streamsTable(streams)),
    '',
    ...(notes.length > 0 ? [...notes.map((note) => `- ${note}`), ''] : []),
    'Ours beside a bare loop over onnxruntime-web on the same file, with as many rows: a kernel writes the next tokens, all steps are enqueued, and the tokens are read at the end. The loop reads no prompts, so ours is measured from when all texts have begun to when the first one ends; where some wait for the end of others, by its rate as a whole.',
    '',
    ...markdown(bareTable(streams)),
    '',
    'The targets, each with the variant that comes nearest:',
    '',
    ...markdown(targetsTable(streams)),
    '',
  ]
  await writeFile(new URL('../RESULTS.gpu.md', import.meta.url), lines.join('\n'))
}

const markdown = ([head = [], ...rows]: Table): string[] =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)

import type { Manifest } from '../../core/manifest.ts'
import { plain, type Style } from '../io.ts'
import { facts, table } from './table.ts'
import { showBytes, showCount } from './units.ts'

export function showImportReport(
  { id, variants, generation, tokenizer }: Manifest,
  out: string,
  style: Style,
): string {
  const rows = variants.map(({ id, files, memory, backends }) => [
    id,
    showBytes(files.reduce((sum, { size }) => sum + size, 0)),
    showBytes(memory),
    backends?.join(', ') ?? 'all',
  ])
  const columns = [
    { title: 'VARIANT' },
    { title: 'DOWNLOAD', align: 'right' },
    { title: 'MEMORY', align: 'right' },
    { title: 'BACKENDS' },
  ] as const
  const about = facts(
    [
      ['context', `${showCount(generation?.context ?? 0)} tokens`],
      ['vocabulary', showCount(generation?.vocabulary ?? 0)],
      ['tokenizer', tokenizer?.map(({ path }) => path).join(', ') ?? 'none: it reads and writes tokens only'],
    ],
    style,
  )
  return `${style.strong(plain(id))} in ${plain(out)}\n${about}\n${table(columns, rows, style)}`
}

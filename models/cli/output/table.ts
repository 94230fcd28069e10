import { plain, type Style } from '../io.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

const gap = '   '

/** A table with titles; each column is as wide as its widest cell. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
  indent = '  ',
): string {
  const cells = [columns.map(({ title }) => title), ...rows].map((row) => row.map(plain))
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => (row[index] ?? '').length)))
  const lines = cells.map((row) => {
    const padded = columns.map(({ align }, index) => pad(row[index] ?? '', widths[index] ?? 0, align))
    return `${indent}${padded.join(gap)}`.trimEnd()
  })
  const [titles, ...body] = lines
  const head = columns.some(({ title }) => title !== '') ? [style.quiet(titles ?? '')] : []
  return `${[...head, ...body].join('\n')}\n`
}

const pad = (text: string, width: number, align: Column['align']): string =>
  align === 'right' ? text.padStart(width) : text.padEnd(width)

/** A list of names and values, aligned in two columns. */
export const facts = (rows: readonly (readonly [string, string])[], style: Style): string => {
  const width = Math.max(...rows.map(([name]) => name.length))
  return `${rows.map(([name, value]) => `${style.quiet(plain(name).padEnd(width))}${gap}${plain(value)}`).join('\n')}\n`
}

import type { Row } from './rows-view.ts'

export interface Report {
  readonly date: Date
  readonly browser: string
  /** Of the device, in one line. */
  readonly device: string
  /** What loads the runtime, in words. */
  readonly load: string
  readonly figures: readonly string[]
  readonly faults: readonly string[]
  readonly sections: readonly { readonly title: string; readonly rows: readonly Row[] }[]
}

/** Writes what the page shows as Markdown. */
export function writeReport({ date, browser, device, load, figures, faults, sections }: Report): string {
  const list = (lines: readonly string[]) =>
    lines.length === 0 ? ['- none'] : lines.map((line) => `- ${line}`)
  const parts = [
    { title: 'Load', lines: [load, ...figures] },
    { title: 'Faults', lines: faults },
    ...sections.map(({ title, rows }) => ({
      title,
      lines: rows.map(({ title: name, text }) => `**${name}**: ${text}`),
    })),
  ]
  return [
    '# Spillway in the lab',
    '',
    `- ${date.toISOString()}`,
    `- ${browser}`,
    `- ${device}`,
    ...parts.flatMap(({ title, lines }) => ['', `## ${title}`, '', ...list(lines)]),
    '',
  ].join('\n')
}

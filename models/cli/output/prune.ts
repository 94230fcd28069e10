import type { Pruned } from '../../tools/prune/prune.ts'
import { plain, type Style } from '../io.ts'
import { type ComparisonReport, showComparison } from './compare.ts'
import { table } from './table.ts'
import { showCount } from './units.ts'

export interface PruneReport extends Omit<Pruned, 'model'> {
  /** The model before (`a`) and after (`b`). */
  readonly comparison: ComparisonReport
}

export function showPruneReport({ layers, kept, exact, comparison }: PruneReport, style: Style): string {
  const cut = layers.filter(({ removed }) => removed > 0)
  const right = { align: 'right' as const }
  const rows = table(
    [
      { title: 'LAYER' },
      { title: 'CHANNELS', ...right },
      { title: 'DEAD', ...right },
      { title: 'TAKEN OUT', ...right },
    ],
    cut.map(({ layer, channels, dead, removed }) => [
      layer,
      showCount(channels),
      showCount(dead),
      showCount(removed),
    ]),
    style,
  )
  const [time] = comparison.times
  const notes = [
    ...(exact ? ['nothing was taken out that the answers depend on'] : []),
    ...(time && time.b >= time.a ? ['it is smaller, and no faster on this machine'] : []),
    ...(kept.length > 0 ? [`layers that stay whole: ${reasons(kept)}`] : []),
  ]
  const lines = notes.map((note) => `${style.quiet(plain(note))}\n`).join('')
  return `${style.strong(plain(comparison.b.file))}\n${rows}\n${showComparison(comparison, style)}${lines}`
}

function reasons(kept: PruneReport['kept']): string {
  const counts = new Map<string, number>()
  for (const { reason } of kept) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts].map(([reason, count]) => `${count} (${reason})`).join(', ')
}

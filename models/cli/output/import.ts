import type { Manifest } from '../../core/manifest.ts'
import { plain, type Style } from '../io.ts'
import { showVariants } from './manifest.ts'
import { facts } from './table.ts'
import { showCount } from './units.ts'

export function showImportReport(
  { id, variants, generation, tokenizer }: Manifest,
  out: string,
  style: Style,
): string {
  const about = facts(
    [
      ['context', `${showCount(generation?.context ?? 0)} tokens`],
      ['vocabulary', showCount(generation?.vocabulary ?? 0)],
      ['tokenizer', tokenizer?.map(({ path }) => path).join(', ') ?? 'none: it reads and writes tokens only'],
    ],
    style,
  )
  return `${style.strong(plain(id))} in ${plain(out)}\n${about}\n${showVariants({ variants }, style)}`
}

import type { Manifest } from '../../core/manifest.ts'
import { plain, type Style } from '../io.ts'
import { showVariants } from './manifest.ts'
import { facts } from './table.ts'

export function showAdaptReport({ id, variants, generation }: Manifest, out: string, style: Style): string {
  const names = (generation?.adapters ?? []).map((name) => plain(`${id}:${name}`))
  const about = facts([['adapters', names.join(', ')]], style)
  return `${style.strong(plain(id))} in ${plain(out)}\n${about}\n${showVariants({ variants }, style)}`
}

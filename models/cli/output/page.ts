import { countOf } from '../../core/wording.ts'
import type { PagedFile } from '../../tools/page/page-file.ts'
import { plain, type Style } from '../io.ts'
import { facts } from './table.ts'
import { showBytes } from './units.ts'

export interface PageReport extends Omit<PagedFile, 'added'> {
  readonly file: string
  readonly out: string
  /** In a model's folder: the manifest that lists the file now, and as which variant. */
  readonly manifest?: string
  readonly variant?: string
}

export function showPageReport(
  { out, bytes, attentions, leftOut, manifest, variant }: PageReport,
  style: Style,
): string {
  const rows: [string, string][] = [
    ['Runs on', 'webgpu with 16-bit floats'],
    ['Paged', `${countOf(attentions, 'attention node')}`],
  ]
  if (leftOut.length > 0) rows.push(['Left out', `${leftOut.join(', ')}: tokens are chosen from the logits`])
  if (manifest !== undefined) rows.push(['Manifest', `${manifest} lists it as ${variant}`])
  return `${style.strong(plain(out))}, ${showBytes(bytes)}\n${facts(rows, style)}`
}

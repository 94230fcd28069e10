import type { BatchedFile } from '../../tools/batch/batch-file.ts'
import { plain, type Style } from '../io.ts'
import { facts } from './table.ts'
import { showCount, showSmall } from './units.ts'

export interface BatchReport extends BatchedFile {
  readonly file: string
  readonly out: string
  /** Source of the rows, in words. */
  readonly from: string
}

export function showBatchReport(
  { out, batch, repaired, rows, largest, from }: BatchReport,
  style: Style,
): string {
  const nodes = repaired === 1 ? 'one node' : `${showCount(repaired)} nodes`
  return `${style.strong(plain(out))}\n${facts(
    [
      ['Batch', `any number of rows; it was fixed at ${batch}`],
      ['Changed', repaired === 0 ? 'the declared shapes alone' : nodes],
      [
        'Proof',
        `${rows} rows ${from} alone, by threes and all together: off by ${showSmall(largest)} at most`,
      ],
    ],
    style,
  )}`
}

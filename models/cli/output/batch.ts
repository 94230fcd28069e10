import type { Proof } from '../../tools/batch/prove-batch.ts'
import { plain, type Style } from '../io.ts'
import { facts } from './table.ts'
import { showCount, showSmall } from './units.ts'

export interface BatchReport extends Proof {
  readonly file: string
  readonly out: string
  /** Rows that the model was fixed at. */
  readonly batch: number
  /** Nodes whose constants had the fixed batch in them. */
  readonly repaired: number
  /** Where the rows are from, in words. */
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

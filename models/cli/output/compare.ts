import { basename } from 'node:path'
import type { Comparison } from '../../tools/compare/compare.ts'
import type { Difference } from '../../tools/compare/difference.ts'
import { plain, type Style } from '../io.ts'
import { table } from './table.ts'
import { showBytes, showCount, showMs, showSmall } from './units.ts'

export interface ComparedFile {
  readonly file: string
  readonly bytes: number
}

export interface ComparisonReport extends Comparison {
  readonly a: ComparedFile
  readonly b: ComparedFile
  readonly from: string
}

export function showComparison(report: ComparisonReport, style: Style): string {
  const { a, b, times, outputs, leftOut, samples, from } = report
  const [nameA, nameB] = distinct(a.file, b.file)
  const right = { align: 'right' as const }
  const costs = table(
    [{ title: '' }, { title: nameA, ...right }, { title: nameB, ...right }, { title: 'RATIO', ...right }],
    [
      ['size', showBytes(a.bytes), showBytes(b.bytes), ratio(b.bytes, a.bytes)],
      ...times.map(({ backend, a, b }) => [backend, showMs(a), showMs(b), ratio(b, a)]),
    ],
    style,
  )
  const errors = table(
    [
      { title: 'OUTPUT' },
      { title: 'LARGEST ERROR', ...right },
      { title: 'MEAN ERROR', ...right },
      { title: 'COSINE', ...right },
      { title: 'SAME TOP ANSWER', ...right },
    ],
    outputs.map((one) => [
      one.output,
      showSmall(one.largest),
      showSmall(one.mean),
      one.cosine.toFixed(6),
      showTop(one),
    ]),
    style,
  )
  const count = samples === 1 ? 'one sample' : `${showCount(samples)} samples`
  const rest =
    leftOut.length === 0
      ? ''
      : `${plain(`not compared (maps, sequences or empty tensors): ${leftOut.join(', ')}`)}\n`
  return `${costs}\n${errors}\n${rest}${style.quiet(plain(`on ${count} ${from}; times are medians of one run`))}\n`
}

const ratio = (b: number, a: number): string => (a === 0 ? '' : `${(b / a).toFixed(2)}×`)

function showTop({ top }: Difference): string {
  if (top === null) return ''
  return `${showCount(top.same)} of ${showCount(top.of)} (${((100 * top.same) / top.of).toFixed(1)}%)`
}

/** The two file names; where they are equal, the paths. */
const distinct = (a: string, b: string): readonly [string, string] =>
  basename(a) === basename(b) ? [a, b] : [basename(a), basename(b)]

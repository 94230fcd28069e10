import { countOf } from '../../core/wording.ts'
import { weightBytes, weightCount } from '../../tools/onnx/weight.ts'
import type { LayerStep, Step } from '../../tools/quantize/plan.ts'
import type { Target } from '../../tools/quantize/target.ts'
import { plain, type Style } from '../io.ts'
import { table } from './table.ts'
import { showBytes, showCount } from './units.ts'

export interface QuantizeReport {
  readonly file: string
  readonly out: string
  readonly target: Target
  /** Whether nobody named the target's backend. */
  readonly isDefault: boolean
  readonly before: number
  readonly after: number
  readonly layers: readonly { readonly name: string; readonly weight: string; readonly how: string }[]
  readonly kept: readonly { readonly name: string; readonly reason: string }[]
  /** In a model's folder: the manifest that lists the file now, and as which variant. */
  readonly manifest?: string
  readonly variant?: string
  /** With `--measure`: the remaining error, relative to the outputs, and on how many samples of which kind. */
  readonly error?: number
  readonly samples?: number
  readonly from?: string
  /** With `--measure`: names of outputs that are not measured. */
  readonly leftOut?: readonly string[]
}

/** A step of the plan in words. */
export function describe(step: LayerStep): string {
  switch (step.how) {
    case 'nbits':
      return `MatMulNBits, ${step.format.bits} bits`
    case 'gather':
      return `GatherBlockQuantized, ${step.format.bits} bits`
    case 'unpackRows':
      return `${step.format.bits} bits in blocks, floats as rows are read`
    case 'unpack':
      return `${step.format.bits} bits in blocks, floats once loaded`
    case 'dynamic':
      return 'int8 products, inputs rounded as they come'
    case 'columns':
      return 'int8, from the layer that it is tied to'
    case 'stored':
      return 'int8, floats once loaded'
    case 'static':
      return 'int8 convolution'
  }
}

export const layersOf = (steps: readonly Step[]): QuantizeReport['layers'] =>
  steps.flatMap((step) =>
    step.how === 'kept'
      ? []
      : [{ name: step.layer.name, weight: step.layer.weight.name, how: describe(step) }],
  )

export const keptOf = (steps: readonly Step[]): QuantizeReport['kept'] =>
  steps.flatMap((step) => (step.how === 'kept' ? [{ name: step.layer.name, reason: step.reason }] : []))

export function showQuantizeReport(report: QuantizeReport, steps: readonly Step[], style: Style): string {
  const {
    out,
    target,
    isDefault,
    before,
    after,
    kept,
    error,
    samples,
    from,
    leftOut = [],
    manifest,
    variant,
  } = report
  const size = `${showBytes(after)}, ${Math.round((100 * after) / before)}% of ${showBytes(before)}`
  const parts = [
    `${style.strong(plain(out))}\n${size}, for ${target.backend}${isDefault ? ', the default (--for)' : ''}\n`,
  ]
  if (steps.some(({ how }) => how !== 'kept')) parts.push(groups(steps, style))
  if (kept.length > 0) parts.push(`${style.strong('Kept in float')}\n${keptTable(kept, style)}`)
  if (error !== undefined)
    parts.push(
      style.quiet(
        plain(
          `the answers are off by ${(100 * error).toFixed(2)}% on ${countOf(samples ?? 0, 'sample')} ${from}`,
        ),
      ),
      '\n',
    )
  if (leftOut.length > 0)
    parts.push(`${plain(`not measured (maps, sequences or empty tensors): ${leftOut.join(', ')}`)}\n`)
  if (manifest !== undefined)
    parts.push(style.quiet(`${plain(manifest)} lists it as ${plain(variant ?? '')}\n`))
  return parts.join('\n')
}

function groups(steps: readonly Step[], style: Style): string {
  const rows = new Map<string, { layers: number; elements: number; bytes: number }>()
  for (const step of steps) {
    if (step.how === 'kept') continue
    const row = rows.get(describe(step)) ?? { layers: 0, elements: 0, bytes: 0 }
    row.layers++
    row.elements += weightCount(step.layer.weight)
    row.bytes += weightBytes(step.layer.weight)
    rows.set(describe(step), row)
  }
  return table(
    [
      { title: 'WEIGHTS AS' },
      { title: 'LAYERS', align: 'right' },
      { title: 'ELEMENTS', align: 'right' },
      { title: 'WERE', align: 'right' },
    ],
    [...rows].map(([how, row]) => [
      how,
      showCount(row.layers),
      showCount(row.elements),
      showBytes(row.bytes),
    ]),
    style,
  )
}

/** The reasons why layers were kept, each with some of their names. */
function keptTable(kept: QuantizeReport['kept'], style: Style): string {
  const reasons = new Map<string, string[]>()
  for (const { name, reason } of kept) reasons.set(reason, [...(reasons.get(reason) ?? []), name])
  const rows = [...reasons].map(([reason, names]) => {
    const some = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`
    return [reason, showCount(names.length), some]
  })
  return table([{ title: 'BECAUSE' }, { title: 'LAYERS', align: 'right' }, { title: '' }], rows, style)
}

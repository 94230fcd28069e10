import type { InspectReport, OperatorReport, ValueReport } from '../../tools/inspect/report.ts'
import { showShapes } from '../../tools/shape-inference/infer-shapes.ts'
import { plain, type Style } from '../io.ts'
import { facts, table } from './table.ts'
import { showBytes, showCount } from './units.ts'

export function showInspectReport(report: InspectReport, style: Style): string {
  const made = report.producer === '' ? '' : `, made by ${report.producer}`
  return [
    `${style.strong(plain(report.file))}\n${showBytes(report.bytes)}, operator set ${report.opset}${plain(made)}\n`,
    section('Inputs', values(report.inputs, style), style),
    section('Outputs', values(report.outputs, style), style),
    facts(
      [
        ['Batches', `${report.batch.batchable ? 'yes' : 'no'}: ${report.batch.reason}`],
        ['Memory', memory(report)],
        ['WebGPU', placement(report)],
      ],
      style,
    ),
    section('Weights', weights(report, style), style),
    section('Operators', operators(report.operators, style), style),
  ].join('\n')
}

const section = (title: string, body: string, style: Style): string => `${style.strong(title)}\n${body}`

const values = (list: readonly ValueReport[], style: Style): string =>
  table(
    [{ title: '' }, { title: '' }, { title: '' }],
    list.map(({ name, type, shape }) => [
      name,
      type,
      shape ? `[${shape.map(showSize).join(', ')}]` : 'any shape',
    ]),
    style,
  )

const showSize = (size: number | string): string => (size === -1 ? '?' : String(size))

function memory({ memory, shapes }: InspectReport): string {
  const { weights, activations, file, unknownValues } = memory
  const least = unknownValues > 0 ? 'at least ' : 'about '
  const parts = `weights ${showBytes(weights)}, activations ${showBytes(activations)}, the file while loading ${showBytes(file)}`
  const taken = showShapes(new Map(Object.entries(shapes)))
  return `${least}${showBytes(memory.total)} for ${taken} (${parts})`
}

const weights = (report: InspectReport, style: Style): string =>
  report.weights.length === 0
    ? '  none\n'
    : table(
        [
          { title: 'TYPE' },
          { title: 'TENSORS', align: 'right' },
          { title: 'ELEMENTS', align: 'right' },
          { title: 'SIZE', align: 'right' },
        ],
        report.weights.map(({ type, tensors, elements, bytes }) => [
          type,
          showCount(tensors),
          showCount(elements),
          showBytes(bytes),
        ]),
        style,
      )

const operators = (list: readonly OperatorReport[], style: Style): string =>
  table(
    [
      { title: 'OPERATOR' },
      { title: 'NODES', align: 'right' },
      { title: 'WEBGPU' },
      { title: 'WASM' },
      { title: 'CPU' },
    ],
    list.map((row) => [
      row.operator,
      showCount(row.count),
      onGpu(row),
      runs(row, row.onWasm),
      runs(row, row.onCpu),
    ]),
    style,
  )

function runs({ runs }: OperatorReport, there: boolean): string {
  if (!runs) return 'unknown'
  return there ? 'runs' : 'no kernel'
}

function onGpu({ count, onGpu, runs, inBrowsers }: OperatorReport): string {
  if (!runs) return 'unknown'
  if (!inBrowsers) return 'no kernel'
  if (onGpu === 0) return 'on the CPU'
  return onGpu === count ? 'runs' : `${count - onGpu} on the CPU`
}

function placement({ operators }: InspectReport): string {
  const sum = (each: (row: OperatorReport) => number) => operators.reduce((all, row) => all + each(row), 0)
  const [all, gpu, lost] = [
    sum(({ count }) => count),
    sum((row) => row.onGpu),
    sum((row) => (row.runs ? 0 : row.count)),
  ]
  if (lost > 0)
    return `ONNX Runtime does not know the operator of ${showCount(lost)} of ${showCount(all)} nodes`
  if (operators.some(({ inBrowsers }) => !inBrowsers))
    return 'not at all, nor on WASM: onnxruntime-web has no kernels for some operators'
  const only = operators.some(({ onWasm, onCpu }) => !onWasm && !onCpu) ? ', and on nothing else' : ''
  return gpu === all
    ? `every node runs on the GPU${only}`
    : `${showCount(gpu)} of ${showCount(all)} nodes run on the GPU${only}`
}

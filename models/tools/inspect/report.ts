import { rangeFault, rangeOperators } from '../../core/rows/prove-rows.ts'
import { placeNode } from '../backends/place-node.ts'
import { opsetOf } from '../graph/metadata.ts'
import { operatorOf } from '../graph/node.ts'
import { declaredOf, isNoTensor } from '../graph/values.ts'
import { withoutZipMap } from '../manifest/without-zipmap.ts'
import { allNodes } from '../onnx/data-flow.ts'
import { nameOf } from '../onnx/data-type.ts'
import type { Model, Value } from '../onnx/model.ts'
import { weightBytes, weightCount } from '../onnx/weight.ts'
import { type InputShapes, infer } from '../shape-inference/infer-shapes.ts'
import { memoryShapes } from '../shape-inference/input-shapes.ts'
import { batchFault } from './batch-fault.ts'
import { type Memory, memoryOf } from './memory.ts'

export interface ValueReport {
  readonly name: string
  readonly type: string
  /** An open dimension is its name, or −1. */
  readonly shape: readonly (number | string)[] | null
}

export interface OperatorReport {
  readonly operator: string
  readonly count: number
  /** Nodes that run on the GPU; the others run on the CPU, with copies both ways. */
  readonly onGpu: number
  /** Whether ONNX Runtime has the operator, for any backend. */
  readonly runs: boolean
  /** Whether its build for browsers has it, for WebGPU at least. */
  readonly inBrowsers: boolean
  /** Whether WASM and the native CPU have it. */
  readonly onWasm: boolean
  readonly onCpu: boolean
}

export interface InspectReport {
  readonly file: string
  readonly bytes: number
  readonly opset: number
  readonly producer: string
  readonly inputs: readonly ValueReport[]
  readonly outputs: readonly ValueReport[]
  readonly batch: Batchable
  readonly weights: readonly { type: string; tensors: number; elements: number; bytes: number }[]
  readonly memory: Memory
  /** The input shapes of the memory estimate. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  readonly operators: readonly OperatorReport[]
}

export function inspect(model: Model, file: string, bytes: number, given: InputShapes): InspectReport {
  const shapes = memoryShapes(model, given)
  const values = infer(model, shapes)
  return {
    file,
    bytes,
    opset: opsetOf(model),
    producer: `${model.header.producerName} ${model.header.producerVersion}`.trim(),
    inputs: model.inputs.map(reportValue),
    outputs: model.outputs.map(reportValue),
    batch: batchableOf(model),
    weights: weightsByType(model),
    memory: memoryOf(model, values, bytes),
    shapes: Object.fromEntries(shapes),
    operators: operators(model, values),
  }
}

function reportValue(value: Value): ValueReport {
  const { type, shape } = declaredOf(value)
  return { name: value.name, type: nameOf(type), shape: shape?.map((size) => size ?? -1) ?? null }
}

function weightsByType(model: Model): InspectReport['weights'] {
  const types = new Map<string, { type: string; tensors: number; elements: number; bytes: number }>()
  for (const weight of model.weights.values()) {
    const type = nameOf(weight.type)
    const sum = types.get(type) ?? { type, tensors: 0, elements: 0, bytes: 0 }
    sum.tensors++
    sum.elements += weightCount(weight)
    sum.bytes += weightBytes(weight)
    types.set(type, sum)
  }
  return [...types.values()].sort((a, b) => b.bytes - a.bytes)
}

function operators(model: Model, values: ReturnType<typeof infer>): readonly OperatorReport[] {
  const functions = new Set(
    model.header.functions.map(({ domain, name }) => (domain === '' ? name : `${domain}.${name}`)),
  )
  const rows = new Map<string, { -readonly [Key in keyof OperatorReport]: OperatorReport[Key] }>()
  for (const node of model.nodes) {
    // The runtime folds constants before it runs.
    if (node.opType === 'Constant') continue
    const operator = operatorOf(node)
    const { webgpu, wasm, cpu } = placeNode(node, values, functions)
    const row = rows.get(operator) ?? {
      operator,
      count: 0,
      onGpu: 0,
      runs: webgpu !== 'none' || cpu !== 'none',
      inBrowsers: webgpu !== 'none',
      onWasm: wasm !== 'none',
      onCpu: cpu !== 'none',
    }
    row.count++
    if (webgpu === 'gpu') row.onGpu++
    rows.set(operator, row)
  }
  return [...rows.values()].sort((a, b) => b.count - a.count || a.operator.localeCompare(b.operator))
}

export interface Batchable {
  readonly batchable: boolean
  readonly reason: string
}

/**
 * Whether rows of several requests may share a run, by the declared shapes and the operators. As in a manifest, the
 * tensors of ZipMap count in place of its maps, and other outputs that are no tensors are left out.
 */
function batchableOf(model: Model): Batchable {
  const { inputs, outputs } = withoutZipMap(model)
  const range = allNodes(model).find(({ opType }) => rangeOperators.includes(opType))
  const fault =
    batchFault(
      inputs,
      outputs.filter((value) => !isNoTensor(value)),
    ) ?? (range ? rangeFault(range.opType) : null)
  if (fault !== null) return { batchable: false, reason: fault }
  return {
    batchable: true,
    reason:
      'the first dimension of every input and output varies, if rows are independent: "spillway manifest" proves it',
  }
}

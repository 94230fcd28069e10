import { operatorOf } from '../graph/node.ts'
import type { KnownValue } from '../infer/known.ts'
import type { Node } from '../onnx/model.ts'
import { cpuOperators } from './cpu.ts'
import { gpuOperators, gpuPacked, gpuTypes } from './webgpu.ts'

/** Where a node runs: on the processor of that name, or nowhere, and then the model does not load. */
export type Processor = 'gpu' | 'cpu' | 'none'

export interface Placement {
  readonly webgpu: Processor
  readonly wasm: Processor
  readonly cpu: Processor
}

/** @param values what is known of the values that the node reads. */
export function placementOf(
  node: Node,
  values: ReadonlyMap<string, KnownValue>,
  functions: ReadonlySet<string>,
): Placement {
  const operator = operatorOf(node)
  const runs = cpuOperators.has(operator) || functions.has(operator)
  if (!runs) return { webgpu: 'none', wasm: 'none', cpu: 'none' }
  return { webgpu: onGpu(node, operator, values) ? 'gpu' : 'cpu', wasm: 'cpu', cpu: 'cpu' }
}

function onGpu(node: Node, operator: string, values: ReadonlyMap<string, KnownValue>): boolean {
  if (!gpuOperators.has(operator)) return false
  if (gpuPacked.has(operator)) return true
  const read = operator === 'Where' ? node.input[1] : node.input[0]
  const written = operator === 'Cast' ? node.output[0] : undefined
  // Shapes are read on the CPU side whatever holds them.
  if (operator === 'Shape') return true
  return [read, written].every((name) => name === undefined || isGpuType(values.get(name)))
}

const isGpuType = (value: KnownValue | undefined): boolean => !value?.type || gpuTypes.has(value.type)

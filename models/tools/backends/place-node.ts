import { operatorOf } from '../graph/node.ts'
import type { Node } from '../onnx/model.ts'
import type { KnownValue } from '../shape-inference/known.ts'
import { cpuOperators } from './cpu.ts'
import { lacksOperator } from './operators.ts'
import { gpuOperators, gpuPacked, gpuTypes } from './webgpu.ts'

/** The processor that runs a node; `none` means that the model does not load there. */
export type Processor = 'gpu' | 'cpu' | 'none'

export interface NodePlacement {
  readonly webgpu: Processor
  readonly wasm: Processor
  readonly cpu: Processor
}

/**
 * @param values Inferred types and shapes of the node's inputs.
 * @param functions Operators that the model defines itself.
 */
export function placeNode(
  node: Node,
  values: ReadonlyMap<string, KnownValue>,
  functions: ReadonlySet<string>,
): NodePlacement {
  const operator = operatorOf(node)
  const runs = cpuOperators.has(operator) || functions.has(operator)
  const on = (backend: 'wasm' | 'cpu') => (runs && !lacksOperator(backend, node) ? 'cpu' : 'none')
  // In a session on the GPU, the other nodes run on the browser's CPU.
  return { webgpu: onGpu(node, operator, values) ? 'gpu' : on('wasm'), wasm: on('wasm'), cpu: on('cpu') }
}

function onGpu(node: Node, operator: string, values: ReadonlyMap<string, KnownValue>): boolean {
  if (!gpuOperators.has(operator)) return false
  if (gpuPacked.has(operator)) return true
  const read = operator === 'Where' ? node.input[1] : node.input[0]
  const written = operator === 'Cast' ? node.output[0] : undefined
  // Shape reads no elements, so its input may have any type.
  if (operator === 'Shape') return true
  return [read, written].every((name) => name === undefined || isGpuType(values.get(name)))
}

const isGpuType = (value: KnownValue | undefined): boolean => !value?.type || gpuTypes.has(value.type)

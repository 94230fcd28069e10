import { type Backend, backends } from '../../core/placement.ts'
import { contrib } from '../graph/node.ts'
import { allNodes } from '../onnx/data-flow.ts'
import type { Model, Node } from '../onnx/model.ts'

/** The domain of classical models' operators: onnxruntime-web 1.30 knows none of them. */
const classical = 'ai.onnx.ml'

/** ONNX Runtime's own operators that only some backends have, as tried in Chromium and by the list of its kernels. */
const limited: ReadonlyMap<string, readonly Backend[]> = new Map([
  ['GatherBlockQuantized', ['webgpu', 'cpu', 'cuda']],
  // CUDA has it as well, but lanes keep blocks of keys and values in buffers of WebGPU only.
  ['PagedAttention', ['webgpu']],
])

/** Whether a backend lacks an operator that ONNX Runtime has elsewhere. */
export function lacksOperator(
  backend: Backend,
  { domain, opType }: Pick<Node, 'domain' | 'opType'>,
): boolean {
  if (domain === classical) return backend === 'webgpu' || backend === 'wasm'
  return domain === contrib && limited.get(opType)?.includes(backend) === false
}

/** The backends that have all operators of a model; undefined: every one. */
export function backendsOfGraph(model: Model): Backend[] | undefined {
  const all = allNodes(model)
  const left = backends.filter((backend) => !all.some((node) => lacksOperator(backend, node)))
  return left.length === backends.length ? undefined : left
}

/**
 * The backends that two lists allow; undefined stands for every one. Where they have none in common, those of the graph:
 * the other list only follows from a name.
 */
export function commonBackends(
  named: readonly Backend[] | undefined,
  ofGraph: readonly Backend[] | undefined,
): Backend[] | undefined {
  if (!named || !ofGraph) return (named ?? ofGraph)?.slice()
  const both = named.filter((backend) => ofGraph.includes(backend))
  return both.length > 0 ? both : ofGraph.slice()
}

import { type Backend, backends } from '../../core/placement.ts'
import { allNodes } from '../onnx/data-flow.ts'
import type { Model, Node } from '../onnx/model.ts'

/** The domain of classical models' operators: onnxruntime-web 1.30 knows none of them. */
const classical = 'ai.onnx.ml'

/** ONNX Runtime's own operators that onnxruntime-web 1.30 has for the GPU, and not for the CPU, as tried in Chromium. */
const onlyOnGpu: ReadonlySet<string> = new Set(['GatherBlockQuantized'])

/** Whether a backend of the browser lacks an operator that ONNX Runtime has elsewhere. */
export function lacksInBrowser(
  backend: Backend,
  { domain, opType }: Pick<Node, 'domain' | 'opType'>,
): boolean {
  if (backend !== 'webgpu' && backend !== 'wasm') return false
  return domain === classical || (backend === 'wasm' && domain === 'com.microsoft' && onlyOnGpu.has(opType))
}

/** The backends that have all operators of a model; undefined: every one. */
export function backendsOfGraph(model: Model): Backend[] | undefined {
  const all = allNodes(model)
  const left = backends.filter((backend) => !all.some((node) => lacksInBrowser(backend, node)))
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

import { operatorOf } from '../graph/node.ts'
import { writersOf } from '../onnx/data-flow.ts'
import type { Model, Node } from '../onnx/model.ts'
import { keyOf, type ProjectionName, type ProjectionPlace, projectionNames } from './projection.ts'

/** A projection in a graph. */
export interface GraphProjection {
  readonly place: ProjectionPlace
  /** Writes the product, before any bias is added. */
  readonly node: Node
  /** The name of the floats that are multiplied, before any rounding. */
  readonly input: string
}

/** The names that `spillway import` gives the projections. */
const importedNames: Readonly<Record<string, ProjectionName>> = {
  query: 'q_proj',
  key: 'k_proj',
  value: 'v_proj',
  output: 'o_proj',
  gate: 'gate_proj',
  up: 'up_proj',
  down: 'down_proj',
}
const imported = /^layers\.(\d+)\.(?:attention|mlp)\.([a-z]+?)(?:_plain)?(?:_product)?$/
/** As exporters for the hub name nodes and values: `/model/layers.0/self_attn/q_proj/MatMul`. */
const exported = /^\/?(?:model\/)*layers\.(\d+)\/(?:attn|self_attn|mlp)\/(\w+)\/MatMul[^/]*(?:\/output_0)?$/

/** The projections of a Llama-family decoder, by `keyOf` of their places. */
export function findProjections(model: Model): ReadonlyMap<string, GraphProjection> {
  const writers = writersOf(model)
  const found = new Map<string, GraphProjection>()
  for (const node of model.nodes) {
    const place = placeOf(node.output[0] ?? '') ?? placeOf(node.name)
    const input = place && productInput(node, writers)
    if (place && input !== undefined) found.set(keyOf(place), { place, node, input })
  }
  return found
}

function placeOf(text: string): ProjectionPlace | undefined {
  const [, layer, role = ''] = imported.exec(text) ?? exported.exec(text) ?? []
  const name = importedNames[role] ?? projectionNames.find((one) => one === role)
  return name && { layer: Number(layer), name }
}

/** The floats that a node multiplies with a matrix; undefined where it writes no product. */
function productInput(node: Node, writers: ReadonlyMap<string, Node>): string | undefined {
  switch (operatorOf(node)) {
    case 'MatMul':
    case 'com.microsoft.MatMulNBits':
      return node.input[0]
    case 'Mul': {
      // Dynamic int8: the sums of integers, as floats, times the scale.
      const sums = writers.get(writers.get(node.input[0] ?? '')?.input[0] ?? '')
      const rounded = sums?.opType === 'MatMulInteger' ? writers.get(sums.input[0] ?? '') : undefined
      return rounded?.opType === 'DynamicQuantizeLinear' ? rounded.input[0] : undefined
    }
    default:
      return undefined
  }
}

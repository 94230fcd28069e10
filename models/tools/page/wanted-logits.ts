import { freshNames } from '../graph/names.ts'
import { changeNode, isStandard, makeNode, operatorOf } from '../graph/node.ts'
import { declaredOf } from '../graph/values.ts'
import { writersOf } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { showNode } from '../onnx/sort-nodes.ts'
import { integersOf } from '../onnx/values.ts'
import { cannotPage } from './cannot-page.ts'

/** The product that turns hidden states into logits. */
export interface Head {
  readonly node: Node
  /** The hidden states of all tokens, which are its first input, or of which that is a slice. */
  readonly hidden: string
}

/** Operators between the head and the logits: each position stays by itself. */
const elementwise = new Set(['Add', 'Cast', 'Div', 'Mul', 'Sub', 'Tanh'])

const products = new Set(['MatMul', 'com.microsoft.MatMulNBits'])

/** The model with logits in float32. */
export function withFloatLogits(model: Model): Model {
  const logits = model.outputs.find(({ name }) => name === 'logits')
  if (logits === undefined || declaredOf(logits).type !== DataType.FLOAT16) return model
  const half = freshNames(model)('logits_half')
  const nodes = model.nodes.map((node) =>
    node.output.includes('logits')
      ? changeNode(node, { output: node.output.map((name) => (name === 'logits' ? half : name)) })
      : node,
  )
  const attributes = { to: DataType.FLOAT }
  const cast = makeNode({ op: 'Cast', inputs: [half], outputs: ['logits'], attributes })
  return { ...model, nodes: [...nodes, cast] }
}

/**
 * Finds the head of a decoder.
 *
 * @throws SpillwayError `not_supported` where the logits do not come from a product by elementwise operators.
 */
export function headOf(model: Model): Head {
  const writers = writersOf(model)
  let name = 'logits'
  for (;;) {
    const node = writers.get(name)
    if (node !== undefined && products.has(operatorOf(node)))
      return { node, hidden: unsliced(model, node.input[0] ?? '', writers) }
    const varying = (node?.input ?? []).filter((one) => one !== '' && !model.weights.has(one))
    if (node === undefined || !isStandard(node) || !elementwise.has(node.opType) || varying.length !== 1) {
      throw cannotPage('the product that makes the logits was not found', {
        expected: `${[...products].join(' or ')}, then at most ${[...elementwise].join(', ')}`,
        got: node === undefined ? 'no node' : showNode(node),
      })
    }
    name = varying[0] ?? ''
  }
}

/** What a slice of positions was cut from: the wanted ones are gathered instead. */
function unsliced({ weights }: Model, name: string, writers: ReadonlyMap<string, Node>): string {
  const node = writers.get(name)
  const axes = node?.opType === 'Slice' && isStandard(node) ? weights.get(node.input[3] ?? '') : undefined
  const ofPositions = axes !== undefined && integersOf(axes).join() === '1'
  return ofPositions ? (node?.input[0] ?? name) : name
}

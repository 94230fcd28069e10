import { isStandard, operatorOf } from '../graph/node.ts'
import { hasRule } from '../infer/infer.ts'
import type { Node } from '../onnx/model.ts'
import { subgraphsOf } from '../onnx/subgraphs.ts'

/** Operators whose definition has no half floats, or only in operator sets that few models use. */
const full = new Set(
  `Bernoulli CumSum DFT DequantizeLinear DynamicQuantizeLinear EyeLike GridSample IsInf IsNaN Multinomial
   NonMaxSuppression QuantizeLinear RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range STFT Upsample
   com.microsoft.DynamicQuantizeMatMul com.microsoft.MatMulIntegerToFloat`.split(/\s+/),
)

/** Whether a node must go on computing in float32. */
export function isBlocked(node: Node): boolean {
  const operator = operatorOf(node)
  if (full.has(operator) || subgraphsOf(node).length > 0) return true
  // What an operator without a rule gives is not known, so nothing after it could be converted.
  return !hasRule(operator) || (!isStandard(node) && node.domain !== 'com.microsoft')
}

/** Inputs that are float32 whatever the others are. */
export const isFullInput = (node: Node, index: number): boolean =>
  node.opType === 'Resize' && isStandard(node) && (index === 1 || index === 2)

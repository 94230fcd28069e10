import type { Variant } from '../../core/manifest.ts'
import { integerBackends } from '../../hub/index.ts'
import { backendsOfGraph, commonBackends } from '../backends/operators.ts'
import { intOf } from '../graph/attributes.ts'
import { allNodes } from '../onnx/data-flow.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node } from '../onnx/model.ts'
import { weightBytes } from '../onnx/weight.ts'

/** What a graph computes in, and the only backends that run it well. */
export type GraphKind = Pick<Variant, 'precision' | 'backends'>

/** Matrix products and convolutions of integers. WebGPU has no kernels for them and would run each on the CPU. */
const integerProducts = new Set(
  `MatMulInteger ConvInteger QLinearMatMul QLinearConv DynamicQuantizeMatMul MatMulIntegerToFloat QGemm QAttention
   DynamicQuantizeLSTM MatMulInteger16`.split(/\s+/),
)

/** The kind of a graph by its operators and weights: its name does not tell, or may be wrong. */
export function kindOfGraph(model: Model): GraphKind {
  const backends = backendsOfOperators(model)
  return { precision: precisionOf(model), ...(backends && { backends }) }
}

export const isHalf = ({ precision }: GraphKind): boolean => precision === 'fp16' || precision === 'q4f16'

/** The only backends that run all operators well; undefined where all do. */
function backendsOfOperators(model: Model): Variant['backends'] {
  return commonBackends(
    allNodes(model).some(isIntegerProduct) ? integerBackends : undefined,
    backendsOfGraph(model),
  )
}

const isIntegerProduct = ({ opType }: Node) => integerProducts.has(opType)

function precisionOf(model: Model): Variant['precision'] {
  const nodes = allNodes(model)
  const bytes = (...types: readonly DataType[]) =>
    [...model.weights.values()]
      .filter(({ type }) => types.includes(type))
      .reduce((sum, weight) => sum + weightBytes(weight), 0)
  const isHalf = bytes(DataType.FLOAT16) > bytes(DataType.FLOAT, DataType.DOUBLE)
  const blocks = nodes.find(({ opType }) => opType === 'MatMulNBits' || opType === 'GatherBlockQuantized')
  if (blocks) {
    if (intOf(blocks, 'bits', 4) === 8) return 'q8'
    return isHalf ? 'q4f16' : 'q4'
  }
  if (nodes.some(({ opType }) => opType === 'MatMulBnb4')) return 'bnb4'
  const stored = bytes(DataType.INT8, DataType.UINT8)
  if (nodes.some(isIntegerProduct) || stored > bytes(DataType.FLOAT, DataType.FLOAT16, DataType.DOUBLE))
    return 'q8'
  return isHalf ? 'fp16' : 'fp32'
}

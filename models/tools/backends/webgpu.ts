import { DataType } from '../onnx/data-type.ts'

/**
 * The operators that ONNX Runtime 1.30 runs on the GPU. Measured: the runtime was asked where it places a node of
 * each (operator set 17; test cases of ONNX and of the runtime's own operators).
 */
const words = (text: string): readonly string[] => text.trim().split(/\s+/)

const standard = words(`
  Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast CastLike
  Ceil Clip Concat Conv ConvTranspose Cos Cosh CumSum DFT DepthToSpace DequantizeLinear Div Elu Equal Erf
  Exp Expand Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool
  Greater GreaterOrEqual GridSample HardSigmoid HardSwish Identity If InstanceNormalization LSTM
  LayerNormalization LeakyRelu Less LessOrEqual Log LpNormalization MatMul Max MaxPool Min Mish Mul Neg
  Not PRelu Pad Pow RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
  ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RotaryEmbedding
  ScatterElements ScatterND Shape Sigmoid SimplifiedLayerNormalization Sin Sinh Slice Softmax Softplus
  Split Sqrt Squeeze Sub Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Unsqueeze Where
`)

const microsoft = words(`
  Attention BiasAdd BiasGelu BiasSplitGelu FastGelu FusedConv GatherBlockQuantized Gelu
  GroupQueryAttention MatMulNBits MatMulNBitsMlp MatMulNBitsQkv MultiHeadAttention PagedAttention QMoE
  QuickGelu RotaryEmbedding SkipLayerNormalization SkipSimplifiedLayerNormalization
`)

export const gpuOperators: ReadonlySet<string> = new Set([
  ...standard,
  ...microsoft.map((name) => `com.microsoft.${name}`),
])

/** The element types of its kernels. Other types run on the CPU, above all 64-bit integers. */
export const gpuTypes: ReadonlySet<number> = new Set([
  DataType.FLOAT,
  DataType.FLOAT16,
  DataType.INT32,
  DataType.UINT32,
  DataType.BOOL,
])

/** Operators that also read packed or small integers. */
export const gpuPacked: ReadonlySet<string> = new Set([
  'DequantizeLinear',
  'com.microsoft.GatherBlockQuantized',
  'com.microsoft.DequantizeLinear',
])

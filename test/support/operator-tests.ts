/** Tests of operators in the form of ONNX's own, each with values that follow from the operator's definition. */
import { arrayOf, type NumericType } from '../../models/core/tensor.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { encode, modelProto, type Parts, value } from '../tools/support/build.ts'
import type { NodeTest, Value } from './node-tests.ts'

type OperatorTest = Omit<NodeTest, 'name' | 'model'> & { readonly model: Uint8Array }

const tensor = (type: NumericType, dims: readonly number[], numbers: readonly number[]): Value => {
  const data = new (arrayOf(type))(numbers.length)
  for (const [index, number] of numbers.entries()) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[index] = BigInt(number)
    else data[index] = number
  }
  return { type, data, dims }
}

const floats = (dims: readonly number[], numbers: readonly number[]) => tensor('float32', dims, numbers)
const integers = (dims: readonly number[], numbers: readonly number[]) => tensor('int64', dims, numbers)

const typeOf: Readonly<Record<string, DataType>> = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  int8: DataType.INT8,
  uint8: DataType.UINT8,
  int32: DataType.INT32,
  int64: DataType.INT64,
  bool: DataType.BOOL,
}

/** A model of one node from `a`, `b`, … to `y`, `z`, with the shapes of its values declared as they are, or open. */
function node(
  op: string,
  inputs: readonly Value[],
  outputs: readonly Value[],
  { attributes, opset = 17, open = false }: NodeOptions = {},
): OperatorTest {
  const names = inputs.map((_, index) => 'abcde'[index] ?? '')
  const results = outputs.map((_, index) => 'yz'[index] ?? '')
  const declared = (name: string, { type, dims }: Value) =>
    value(name, open ? dims.map((_, axis) => `${name}${axis}`) : dims, typeOf[type])
  const parts: Parts = {
    nodes: [{ op, inputs: names, outputs: results, ...(attributes && { attributes }) }],
    inputs: inputs.map((one, index) => declared(names[index] ?? '', one)),
    outputs: outputs.map((one, index) => declared(results[index] ?? '', one)),
    opset,
  }
  return { model: encode(modelProto(parts)), inputs, outputs }
}

interface NodeOptions extends Pick<Parts, 'opset'> {
  readonly attributes?: Parts['nodes'][number]['attributes']
  /** Whether all sizes are open. */
  readonly open?: boolean
}

const six = floats([2, 3], [1, -2, 3, -4, 5, -6])

export const operatorTests: Readonly<Record<string, OperatorTest>> = {
  test_abs: node('Abs', [six], [floats([2, 3], [1, 2, 3, 4, 5, 6])]),
  test_add_bcast: node('Add', [six, floats([3], [1, 2, 3])], [floats([2, 3], [2, 0, 6, -3, 7, -3])]),
  test_add_open: node('Add', [six, six], [floats([2, 3], [2, -4, 6, -8, 10, -12])], { open: true }),
  test_add_double: node(
    'Add',
    [tensor('float64', [2], [0.5, 1e300]), tensor('float64', [2], [0.25, 1e300])],
    [tensor('float64', [2], [0.75, 2e300])],
  ),
  test_and: node(
    'And',
    [tensor('bool', [4], [0, 0, 1, 1]), tensor('bool', [4], [0, 1, 0, 1])],
    [tensor('bool', [4], [0, 0, 0, 1])],
  ),
  test_argmax: node('ArgMax', [six], [integers([2, 1], [2, 1])], { attributes: { axis: 1 } }),
  test_cast_to_half: node(
    'Cast',
    [floats([3], [1, -2, 0.5])],
    [tensor('float16', [3], [0x3c00, 0xc000, 0x3800])],
    {
      attributes: { to: DataType.FLOAT16 },
    },
  ),
  test_cast_from_half: node(
    'Cast',
    [tensor('float16', [2], [0x3c00, 0xfc00])],
    [floats([2], [1, Number.NEGATIVE_INFINITY])],
    {
      attributes: { to: DataType.FLOAT },
    },
  ),
  test_compress: node('Compress', [six, tensor('bool', [2], [0, 1])], [floats([1, 3], [-4, 5, -6])], {
    attributes: { axis: 0 },
  }),
  test_concat: node('Concat', [six, six], [floats([4, 3], [1, -2, 3, -4, 5, -6, 1, -2, 3, -4, 5, -6])], {
    attributes: { axis: 0 },
  }),
  test_constantofshape: node('ConstantOfShape', [integers([2], [2, 1])], [floats([2, 1], [0, 0])]),
  test_cumsum: node('CumSum', [floats([3], [1, 2, 3]), integers([], [0])], [floats([3], [1, 3, 6])]),
  test_div_integers: node('Div', [integers([2], [8, 9]), integers([2], [2, 3])], [integers([2], [4, 3])]),
  test_expand: node(
    'Expand',
    [floats([1, 2], [1, 2]), integers([2], [2, 2])],
    [floats([2, 2], [1, 2, 1, 2])],
  ),
  test_gather: node('Gather', [six, integers([2], [1, -2])], [floats([2, 3], [-4, 5, -6, 1, -2, 3])]),
  test_isnan: node('IsNaN', [floats([3], [1, Number.NaN, 2])], [tensor('bool', [3], [0, 1, 0])]),
  test_log_of_zero: node('Log', [floats([2], [0, 1])], [floats([2], [Number.NEGATIVE_INFINITY, 0])]),
  test_matmul: node('MatMul', [six, floats([3, 1], [1, 1, 1])], [floats([2, 1], [2, -5])]),
  test_max_int8: node(
    'Max',
    [tensor('int8', [3], [1, -2, 3]), tensor('int8', [3], [0, 4, -5])],
    [tensor('int8', [3], [1, 4, 3])],
  ),
  test_mod_uint8: node(
    'Mod',
    [tensor('uint8', [2], [10, 255]), tensor('uint8', [2], [3, 16])],
    [tensor('uint8', [2], [1, 15])],
  ),
  test_nonzero: node('NonZero', [floats([3], [0, 2, 3])], [integers([1, 2], [1, 2])], { open: true }),
  test_pad: node('Pad', [floats([2], [1, 2]), integers([2], [1, 1])], [floats([4], [0, 1, 2, 0])]),
  test_range: node(
    'Range',
    [integers([], [1]), integers([], [7]), integers([], [3])],
    [integers([2], [1, 4])],
  ),
  test_reduce_sum: node('ReduceSum', [six, integers([1], [0])], [floats([1, 3], [-3, 3, -3])]),
  test_relu_empty: node('Relu', [floats([0, 3], [])], [floats([0, 3], [])]),
  test_scalar: node('Neg', [floats([], [2])], [floats([], [-2])]),
  test_shape: node('Shape', [six], [integers([2], [2, 3])]),
  test_softmax: node('Softmax', [floats([2, 2], [0, 0, 5, 5])], [floats([2, 2], [0.5, 0.5, 0.5, 0.5])], {
    open: true,
  }),
  test_softmax_over_rows: node(
    'Softmax',
    [floats([2, 2], [0, 5, 0, 5])],
    [floats([2, 2], [0.5, 0.5, 0.5, 0.5])],
    { open: true, attributes: { axis: 0 } },
  ),
  test_tile: node('Tile', [floats([2], [1, 2]), integers([1], [2])], [floats([4], [1, 2, 1, 2])]),
  test_topk: node('TopK', [six, integers([1], [1])], [floats([2, 1], [3, 5]), integers([2, 1], [2, 1])]),
  test_transpose: node('Transpose', [six], [floats([3, 2], [1, -4, -2, 5, 3, -6])], { open: true }),
  test_where: node(
    'Where',
    [tensor('bool', [2], [1, 0]), floats([2], [1, 2]), floats([2], [3, 4])],
    [floats([2], [1, 4])],
  ),
}

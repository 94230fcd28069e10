import type { TensorType } from '../../models/core/index.ts'
import { DataType } from '../../models/tools/onnx/data-type.ts'
import { encode, modelProto, value } from '../tools/support/build.ts'

const elementTypes = {
  float32: DataType.FLOAT,
  float64: DataType.DOUBLE,
  float16: DataType.FLOAT16,
  int8: DataType.INT8,
  uint8: DataType.UINT8,
  int16: DataType.INT16,
  uint16: DataType.UINT16,
  int32: DataType.INT32,
  uint32: DataType.UINT32,
  int64: DataType.INT64,
  uint64: DataType.UINT64,
  bool: DataType.BOOL,
  string: DataType.STRING,
} satisfies Record<TensorType, DataType>

/** A graph that returns each of its inputs, of rows of two: `x_int8` as `y_int8`. */
export const echoGraph = (types: readonly TensorType[]): Uint8Array =>
  encode(
    modelProto({
      nodes: types.map((type) => ({ op: 'Identity', inputs: [`x_${type}`], outputs: [`y_${type}`] })),
      inputs: types.map((type) => value(`x_${type}`, ['N', 2], elementTypes[type])),
      outputs: types.map((type) => value(`y_${type}`, ['N', 2], elementTypes[type])),
    }),
  )

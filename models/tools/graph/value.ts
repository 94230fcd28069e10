import { create } from '@bufbuild/protobuf'
import type { DataType } from '../onnx/data-type.ts'
import { TensorShapeProto_DimensionSchema, ValueInfoProtoSchema } from '../onnx/generated/onnx_pb.ts'
import type { Value } from '../onnx/model.ts'

/** A graph's input or output: a string is the name of a dimension that varies. */
export const makeValue = (name: string, type: DataType, shape: readonly (number | string)[]): Value =>
  create(ValueInfoProtoSchema, {
    name,
    type: {
      value: { case: 'tensorType', value: { elemType: type, shape: { dim: shape.map(makeDimension) } } },
    },
  })

const makeDimension = (size: number | string) =>
  create(TensorShapeProto_DimensionSchema, {
    value:
      typeof size === 'number'
        ? { case: 'dimValue', value: BigInt(size) }
        : { case: 'dimParam', value: size },
  })

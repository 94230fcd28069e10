import { create } from '@bufbuild/protobuf'
import type { DataType } from '../onnx/data-type.ts'
import { TensorShapeProto_DimensionSchema, ValueInfoProtoSchema } from '../onnx/generated/onnx_pb.ts'
import type { Model, Value } from '../onnx/model.ts'

/** An input or output of a graph. A string in the shape names an open dimension; without a shape, any will do. */
export const makeValue = (name: string, type: DataType, shape?: readonly (number | string)[]): Value =>
  create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType: type, ...(shape && { shape: { dim: shape.map(makeDimension) } }) },
      },
    },
  })

const makeDimension = (size: number | string) =>
  create(TensorShapeProto_DimensionSchema, {
    value:
      typeof size === 'number'
        ? { case: 'dimValue', value: BigInt(size) }
        : { case: 'dimParam', value: size },
  })

/** The declared type and shape of a value. An open dimension is its name, or undefined. */
export function declaredOf({ type }: Value): {
  readonly type: number
  readonly shape: readonly (number | string | undefined)[] | undefined
} {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined
  const shape = tensor?.shape?.dim.map(({ value }) => {
    // Some exporters write -1 for a size that varies.
    if (value.case === 'dimValue') return value.value < 0n ? undefined : Number(value.value)
    return value.case === 'dimParam' && value.value !== '' ? value.value : undefined
  })
  return { type: tensor?.elemType ?? 0, shape }
}

/** Whether the file says that a value is a map, a sequence or the like. */
export const isNoTensor = ({ type }: Value): boolean =>
  type?.value.case !== undefined && type.value.case !== 'tensorType'

/** The model with more of its values as outputs, to measure them while it runs. */
export function expose(model: Model, names: Iterable<string>): Model {
  const shown = new Set(model.outputs.map(({ name }) => name))
  const added = [...names].filter((name) => !shown.has(name))
  // The runtime infers their types.
  const values = added.map((name) => create(ValueInfoProtoSchema, { name }))
  return { ...model, outputs: [...model.outputs, ...values] }
}

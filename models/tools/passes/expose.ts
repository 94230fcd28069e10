import { create } from '@bufbuild/protobuf'
import { ValueInfoProtoSchema } from '../onnx/generated/onnx_pb.ts'
import type { Model } from '../onnx/model.ts'

/** The model with more of its values among its outputs, to look at them while it runs. */
export function expose(model: Model, names: Iterable<string>): Model {
  const shown = new Set(model.outputs.map(({ name }) => name))
  const added = [...names].filter((name) => !shown.has(name))
  // The runtime finds their types itself.
  const values = added.map((name) => create(ValueInfoProtoSchema, { name }))
  return { ...model, outputs: [...model.outputs, ...values] }
}

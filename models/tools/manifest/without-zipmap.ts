import { sweep } from '../graph/sweep.ts'
import { declaredOf, makeValue } from '../graph/values.ts'
import { DataType } from '../onnx/data-type.ts'
import type { Model, Node, Value } from '../onnx/model.ts'

/**
 * The model with the tensors that its ZipMap nodes read in place of their maps, which no API here carries.
 * Classifiers of scikit-learn are exported with one. The same model where it has none.
 */
export function withoutZipMap(model: Model): Model {
  const zipped = new Map(
    model.nodes.filter(isZipMap).map(({ input, output }) => [output[0] ?? '', input[0] ?? ''] as const),
  )
  if (!model.outputs.some(({ name }) => zipped.has(name))) return model
  const rows = model.inputs[0] && declaredOf(model.inputs[0]).shape?.[0]
  const outputs: Value[] = []
  for (const value of model.outputs) {
    const tensor = zipped.get(value.name) ?? value.name
    if (outputs.some(({ name }) => name === tensor)) continue
    // A row of scores for each row of the input, as the operator's specification says.
    outputs.push(zipped.has(value.name) ? makeValue(tensor, DataType.FLOAT, [rows ?? '', '']) : value)
  }
  return sweep({ ...model, outputs })
}

const isZipMap = ({ domain, opType }: Node) => domain === 'ai.onnx.ml' && opType === 'ZipMap'

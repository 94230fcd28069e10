import { writeFileSync } from 'node:fs'
import { Builder } from 'flatbuffers'
import { DataType } from '../../../models/tools/onnx/data-type.ts'
import type { TestAdapter } from '../../support/lora.ts'

/** A parameter of an adapter in onnxruntime's format. */
export interface OnnxParameter {
  readonly name: string
  readonly dims: readonly number[]
  readonly type: DataType
  readonly data: Uint8Array
}

/** What Olive's `convert-adapters` makes of an adapter: transposed matrices, the second with the scale. */
export function onnxParameters({ config, tensors }: TestAdapter): OnnxParameter[] {
  const scale = Number(config.lora_alpha) / Number(config.r)
  return [...tensors].map(([name, { shape, values }]) => {
    const [rows = 0, columns = 0] = shape
    const factor = name.includes('lora_B') ? scale : 1
    const transposed = Float32Array.from(
      values,
      (_, index) => factor * (values[(index % rows) * columns + Math.floor(index / rows)] ?? 0),
    )
    return {
      name: name.replace('base_model.model.model', 'model'),
      dims: [columns, rows],
      type: DataType.FLOAT,
      data: new Uint8Array(transposed.buffer),
    }
  })
}

/** Writes a file by onnxruntime's `adapter_schema.fbs`. */
export function writeOnnxAdapter(path: string, parameters: readonly OnnxParameter[], version: number): void {
  const builder = new Builder(1_024)
  const offsets = parameters.map(({ name, dims, type, data }) => {
    const nameAt = builder.createString(name)
    builder.startVector(8, dims.length, 8)
    for (const size of [...dims].reverse()) builder.addInt64(BigInt(size))
    const dimsAt = builder.endVector()
    builder.startVector(1, data.length, 8)
    for (let index = data.length - 1; index >= 0; index--) builder.addInt8(data[index] ?? 0)
    const dataAt = builder.endVector()
    builder.startObject(4)
    builder.addFieldOffset(0, nameAt, 0)
    builder.addFieldOffset(1, dimsAt, 0)
    builder.addFieldInt32(2, type, 0)
    builder.addFieldOffset(3, dataAt, 0)
    return builder.endObject()
  })
  builder.startVector(4, offsets.length, 4)
  for (const offset of [...offsets].reverse()) builder.addOffset(offset)
  const all = builder.endVector()
  builder.startObject(4)
  builder.addFieldInt32(0, version, 0)
  builder.addFieldInt32(1, 1, 0)
  builder.addFieldInt32(2, 1, 0)
  builder.addFieldOffset(3, all, 0)
  builder.finish(builder.endObject(), 'TORT')
  writeFileSync(path, builder.asUint8Array())
}

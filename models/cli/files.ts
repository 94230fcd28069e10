import type { Model } from '../tools/onnx/model.ts'
import { readModel } from '../tools/onnx/read.ts'
import { filesOf, sizeOfFiles } from '../tools/onnx/size.ts'

/** A model, and the bytes of all its files. */
export interface OpenedModel {
  readonly model: Model
  readonly file: string
  readonly bytes: number
}

export function openModel(file: string): OpenedModel {
  const model = readModel(file)
  return { model, file, bytes: sizeOfFiles(filesOf(model, file)) }
}

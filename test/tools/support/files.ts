import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelProto } from '../../../models/tools/onnx/generated/onnx_pb.ts'
import { emptyFolder } from '../../support/test-models.ts'
import { encode } from './build.ts'

/** A folder with one model in it, and names for what is made of it. */
export async function folderWith(
  model: ModelProto,
): Promise<{ model: string; path: (name: string) => string }> {
  const folder = await emptyFolder()
  const path = (name: string) => join(folder, name)
  writeFileSync(path('model.onnx'), encode(model))
  return { model: path('model.onnx'), path }
}

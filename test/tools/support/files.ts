import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ModelProto } from '../../../models/tools/onnx/generated/onnx_pb.ts'
import { emptyFolder } from '../../support/test-models.ts'
import { encode } from './build.ts'

/** A folder with files; a name may have folders before it. */
export async function folderOf(files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  const folder = await emptyFolder()
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), bytes)
  }
  return folder
}

/** A folder with one model in it, and names for what is made of it. */
export async function folderWith(
  model: ModelProto,
): Promise<{ model: string; path: (name: string) => string }> {
  const folder = await folderOf({ 'model.onnx': encode(model) })
  const path = (name: string) => join(folder, name)
  return { model: path('model.onnx'), path }
}

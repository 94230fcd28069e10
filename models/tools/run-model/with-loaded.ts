import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Model } from '../onnx/model.ts'
import { saveModel } from '../onnx/save.ts'
import type { LoadOptions, Runnable, Runtime } from './runtime.ts'

/**
 * Loads a model that has no file yet. It is written to a temporary file, so that it is not in memory a second time
 * beside the runtime's copy. The file is removed afterwards.
 */
export async function withLoaded<T>(
  runtime: Runtime,
  model: Model,
  options: LoadOptions,
  work: (runnable: Runnable, path: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-'))
  try {
    const path = join(folder, 'model.onnx')
    saveModel(model, path)
    const runnable = await runtime.load(path, options)
    try {
      return await work(runnable, path)
    } finally {
      await runnable.release()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Model } from '../onnx/model.ts'
import { saveModel } from '../onnx/save.ts'
import type { LoadOptions, Runnable, Runtime } from './runtime.ts'

/**
 * Runs a model that has no file yet: it goes by way of one, which is gone afterwards, and so is not in memory
 * beside what the runtime makes of it.
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

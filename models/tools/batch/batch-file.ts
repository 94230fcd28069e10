import type { OpenedModel } from '../onnx/files.ts'
import { saveModel } from '../onnx/save.ts'
import type { Runtime, Tensors } from '../run-model/runtime.ts'
import { type FreedModel, freeBatch } from './free-batch.ts'
import { type Proof, proveBatch } from './prove-batch.ts'

/** Rows that run together in the proof. */
const provenRows = 8

/** What was changed, and how it was proven. */
export type BatchedFile = Proof & Omit<FreedModel, 'model'>

/**
 * Writes a copy of a model whose batch size varies, after a proof that rows get the same outputs alone and together.
 *
 * @throws SpillwayError `not_supported` where the batch is not fixed, or where rows depend on each other.
 */
export async function batchFile(
  runtime: Runtime,
  { model, file }: OpenedModel,
  out: string,
  samples: readonly Tensors[],
  onProgress?: (done: number, total: number) => void,
): Promise<BatchedFile> {
  const { model: freed, batch, repaired } = freeBatch(model)
  const runs = samples.slice(0, Math.max(2, Math.ceil(provenRows / batch)))
  const proof = await proveBatch(runtime, file, freed, runs, onProgress)
  saveModel(freed, out)
  return { batch, repaired, ...proof }
}

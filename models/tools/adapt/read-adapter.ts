import { statSync } from 'node:fs'
import type { Adapter } from './adapter.ts'
import { readOnnxAdapter } from './onnx-adapter.ts'
import { readPeftAdapter } from './peft.ts'

/**
 * Reads a LoRA adapter: a folder as PEFT saves it, or a file in onnxruntime's format.
 *
 * @throws SpillwayError `file_missing`, `file_truncated`, `model_invalid`, or `not_supported` for what a graph cannot compute.
 */
export const readAdapter = (name: string, path: string): Adapter =>
  statSync(path, { throwIfNoEntry: false })?.isFile()
    ? readOnnxAdapter(name, path)
    : readPeftAdapter(name, path)

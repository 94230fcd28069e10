import { createRequire } from 'node:module'
import { dirname } from 'node:path'

/** The folder of the ONNX Runtime that transformers.js depends on; its package exports none of its files. */
export const transformersRuntime = dirname(
  createRequire(createRequire(import.meta.url).resolve('@huggingface/transformers')).resolve(
    'onnxruntime-web',
  ),
)

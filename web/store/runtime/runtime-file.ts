import asyncify from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?hashed'
import jspi from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?hashed'
import type { FileSource } from '../download/file-source.ts'
import { type ModelRecord, runtimeId } from '../storage/model-store.ts'

/** The WebAssembly of ONNX Runtime that this browser's lanes run, as a file of the store. */
export interface RuntimeFile {
  /** Its record in the store. */
  readonly record: Pick<ModelRecord, 'id' | 'version' | 'variant'>
  readonly file: FileSource & { readonly size: number }
  readonly url: URL
  readonly sha256: string
}

/** The build that `workers/lane/browser/load-ort.ts` takes in the same browser. */
export function runtimeFile(): RuntimeFile {
  const isJspi = 'Suspending' in WebAssembly
  const { url: address, size, sha256 } = isJspi ? jspi : asyncify
  // Relative to this module: the worker's own location is a blob where the page is of another origin.
  const url = new URL(address, import.meta.url)
  return {
    record: { id: runtimeId, version: sha256, variant: isJspi ? 'jspi' : 'asyncify' },
    file: { path: 'ONNX Runtime', size, key: { sha256 }, isSentCompressed: true, request: () => ({ url }) },
    url,
    sha256,
  }
}

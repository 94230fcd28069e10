import type { RuntimeFiles } from '../../../workers/protocol/runtime-files.ts'
import type { FileSource } from '../download/file-source.ts'
import { type ModelRecord, runtimeId } from '../storage/model-store.ts'

/** The share of its bytes that the runtime's download takes, until the response tells it. */
export const compressedShare = 0.2

/** The WebAssembly of ONNX Runtime that this browser's lanes run, as a file of the store. */
export interface RuntimeFile {
  /** Its record in the store. */
  readonly record: Pick<ModelRecord, 'id' | 'version' | 'variant'>
  readonly file: FileSource & { readonly size: number }
  readonly url: URL
  readonly sha256: string
}

export function runtimeFile({ build, wasm: { url: address, size, sha256 } }: RuntimeFiles): RuntimeFile {
  const url = new URL(address)
  return {
    record: { id: runtimeId, version: sha256, variant: build },
    file: { path: 'ONNX Runtime', size, key: { sha256 }, isSentCompressed: true, request: () => ({ url }) },
    url,
    sha256,
  }
}

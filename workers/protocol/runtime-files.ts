/** The files of one build of ONNX Runtime for browsers. Addresses are absolute. */
export interface RuntimeFiles {
  readonly build: 'jspi' | 'asyncify'
  /** onnxruntime-web itself. */
  readonly script: string
  /** The runtime's own module, which onnxruntime-web imports. */
  readonly module: string
  /** What onnxruntime-web imports in its place, to get at the runtime's instance. */
  readonly captureModule: string
  /** xgrammar, which is loaded with the first text that has a format. */
  readonly grammar: string
  /** Its size is in bytes, and its SHA-256 in hexadecimal. */
  readonly wasm: { readonly url: string; readonly size: number; readonly sha256: string }
}

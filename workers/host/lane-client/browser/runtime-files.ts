import jspiScript from 'onnxruntime-web/jspi?url'
import asyncifyModule from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?hashed'
import jspiModule from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url'
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?hashed'
import asyncifyScript from 'onnxruntime-web/webgpu?url'
import captureModule from '../../../lane/browser/capture-module-entry.mjs?url&no-inline'
import type { RuntimeFiles } from '../../../protocol/runtime-files.ts'
import { fileAddress } from './file-address.ts'

/**
 * The files of ONNX Runtime for this browser: the JSPI build where the browser has it (a third smaller), else the
 * asyncify build. The page names them to its workers: a bundler finds files by the page's scripts only.
 */
export function runtimeFiles(): RuntimeFiles {
  const isJspi = 'Suspending' in WebAssembly
  const { url, size, sha256 } = isJspi ? jspiWasm : asyncifyWasm
  return {
    build: isJspi ? 'jspi' : 'asyncify',
    script: fileAddress(isJspi ? jspiScript : asyncifyScript),
    module: fileAddress(isJspi ? jspiModule : asyncifyModule),
    captureModule: fileAddress(captureModule),
    wasm: { url: fileAddress(url), size, sha256 },
  }
}

import grammarScript from '@mlc-ai/web-xgrammar?url'
import jspiScript from 'onnxruntime-web/jspi?url'
import asyncifyModule from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?hashed'
import jspiModule from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url'
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?hashed'
import asyncifyScript from 'onnxruntime-web/webgpu?url'
import { SpillwayError } from '../../../../models/core/error.ts'
import captureModule from '../../../lane/browser/capture-module-entry.mjs?url&no-inline'
import type { RuntimeFiles } from '../../../protocol/runtime-files.ts'
import { fileAddress } from './file-address.ts'

/**
 * The files of ONNX Runtime for this browser: the JSPI build where the browser has it (a third smaller), else the
 * asyncify build. The page names them to its workers: a bundler finds files by the page's scripts only.
 *
 * @throws SpillwayError `lane_failed` where a bundler has put the WebAssembly into an address: browsers end pages that pass
 * on tens of megabytes by name.
 */
export function runtimeFiles(): RuntimeFiles {
  const isJspi = 'Suspending' in WebAssembly
  const { url, size, sha256 } = isJspi ? jspiWasm : asyncifyWasm
  if (url.startsWith('data:')) throw inlined
  return {
    build: isJspi ? 'jspi' : 'asyncify',
    script: fileAddress(isJspi ? jspiScript : asyncifyScript),
    module: fileAddress(isJspi ? jspiModule : asyncifyModule),
    captureModule: fileAddress(captureModule),
    grammar: fileAddress(grammarScript),
    wasm: { url: fileAddress(url), size, sha256 },
  }
}

const inlined = new SpillwayError(
  'lane_failed',
  "A bundler has written ONNX Runtime's WebAssembly into the application's scripts",
  {
    expected: 'a file of its own',
    got: 'a data: address',
    hint: 'Leave spillway\'s .wasm files out of what it inlines: build.assetsInlineLimit of Vite, type "asset/resource" of webpack (web/README.md: "In a bundled application").',
  },
)

import { heapOf } from './runtime-bindings.ts'
import type { HeapPointer, RuntimeModule } from './runtime-module.ts'

/** What Emscripten's environment begins with, as it lies in the heap. */
const environment = new TextEncoder().encode('USER=web_user\0LOGNAME=web_user\0PATH=/\0')

const setting = 'ORT_GQA_DISABLE_FLASH_ATTENTION=1'

/**
 * Has attention on WebAssembly computed as a whole, not in tiles. onnxruntime 1.30 sizes the tiles by the
 * processor's cache, which WebAssembly does not know, and takes tiles of one token: 256 tokens after 256 others are read
 * 11 times as slowly. It reads the setting from its environment when a session is created, and onnxruntime-web has no
 * way to it: the variables of Emscripten's user are written over.
 *
 * @returns false where the environment is not found: attention is slower then.
 */
export function computeAttentionWhole(module: RuntimeModule): boolean {
  const heap = heapOf(module)
  const [first = 0] = environment
  for (let at = heap.indexOf(first); at >= 0; at = heap.indexOf(first, at + 1)) {
    if (!environment.every((byte, index) => heap[at + index] === byte)) continue
    module.stringToUTF8(setting, at as HeapPointer, environment.length)
    return true
  }
  return false
}

import type { StartRequest } from '../../protocol/lane.ts'
import type { RuntimeFiles } from '../../protocol/runtime-files.ts'
import { filesOf } from '../../protocol/worker-files.ts'
import type { FormatCall } from '../format/messages.ts'
import { serveFormats } from '../format/serve-formats.ts'
import { serveLane } from '../serve.ts'
import { loadOrt, requestScripts } from './load-ort.ts'
import type { FormatFiles } from './start-format-worker.ts'

const files = filesOf<RuntimeFiles | FormatFiles>(location.hash)
if ('script' in files) {
  // Ahead of the start, which waits for the runtime's WebAssembly. A failure is the start's.
  const scripts = requestScripts(files)
  scripts.catch(() => undefined)
  serveLane((request: StartRequest) => loadOrt(request, files, scripts), self)
} else {
  const serve = serveFormats(
    () => import(/* @vite-ignore */ files.grammar),
    (reply) => self.postMessage(reply),
  )
  self.addEventListener('message', ({ data }: MessageEvent<FormatCall>) => serve(data))
}

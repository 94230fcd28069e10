import type { StartRequest } from '../../protocol/lane.ts'
import type { RuntimeFiles } from '../../protocol/runtime-files.ts'
import { filesOf } from '../../protocol/worker-files.ts'
import { serveLane } from '../serve.ts'
import { loadOrt, requestScripts } from './load-ort.ts'

const files = filesOf<RuntimeFiles>(location.hash)
// Ahead of the start, which waits for the runtime's WebAssembly. A failure is the start's.
const scripts = requestScripts(files)
scripts.catch(() => undefined)
serveLane((request: StartRequest) => loadOrt(request, files, scripts), self)

/**
 * A lane's worker on a device with little memory. As the lane's own entry, without its early request of the runtime:
 * Vitest makes dynamic imports work only after the modules of a worker were evaluated.
 */
import './limit-memory.ts'
import type { Endpoint } from 'comlink'
import { loadOrt } from '../../../workers/lane/browser/load-ort.ts'
import { serveLane } from '../../../workers/lane/serve.ts'
import type { StartRequest } from '../../../workers/protocol/lane.ts'
import type { RuntimeFiles } from '../../../workers/protocol/runtime-files.ts'
import { filesOf } from '../../../workers/protocol/worker-files.ts'

// Tests are checked with the types of a page, which has another `self`.
const endpoint: Endpoint = {
  postMessage: (message, transfer = []) => self.postMessage(message, { transfer }),
  addEventListener: (type, listener, options) => self.addEventListener(type, listener, options),
  removeEventListener: (type, listener, options) => self.removeEventListener(type, listener, options),
}
const files = filesOf<RuntimeFiles>(location.hash)
serveLane((request: StartRequest) => loadOrt(request, files), endpoint)

import { SpillwayError } from '../models/core/index.ts'
import { runtimeFault } from '../workers/host/lane-client/node/machine.ts'

/**
 * Lanes import ONNX Runtime, which the package of pages does not bring.
 *
 * @param lane The script that imports it.
 * @throws SpillwayError `request_malformed` where it is not installed.
 */
export function checkRuntime(lane: URL): void {
  const fault = runtimeFault(lane)
  if (!fault) return
  throw new SpillwayError(
    'request_malformed',
    'The package onnxruntime-node is not installed',
    { hint: 'Run "npm install onnxruntime-node": the server runs models with it.' },
    fault,
  )
}

/**
 * In the place of `onnxruntime-web`: its whole API, with sessions that run in lanes. A bundler's alias from
 * `onnxruntime-web` to `spillway/ort` is all that a library written over it needs.
 */
import * as ort from 'onnxruntime-common'
import { laneBackend } from './lane-backend.ts'

export * from 'onnxruntime-common'
export default ort

// The lanes' onnxruntime-web is of the same release.
Object.defineProperty(ort.env.versions, 'web', { value: ort.env.versions.common, enumerable: true })

ort.registerBackend('wasm', laneBackend, 10)
ort.registerBackend('cpu', laneBackend, 10)
// Below zero: it is used where it is asked for, as in onnxruntime-web.
ort.registerBackend('webgpu', laneBackend, -1)

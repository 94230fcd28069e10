import { createRequire } from 'node:module'
import { totalmem } from 'node:os'

/** Bytes of memory of this machine, or of the container. */
export function machineMemory(): number {
  const limit = process.constrainedMemory()
  return Math.min(totalmem(), limit > 0 ? limit : Number.POSITIVE_INFINITY)
}

/**
 * Why lanes cannot import ONNX Runtime; undefined where they can.
 *
 * @param lane The script that imports it.
 */
export function runtimeFault(lane: URL): { readonly cause: unknown } | undefined {
  try {
    createRequire(lane).resolve('onnxruntime-node')
    return undefined
  } catch (cause) {
    return { cause }
  }
}

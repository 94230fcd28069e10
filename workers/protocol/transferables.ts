import type { Tensor } from '../../models/core/index.ts'

/** Bytes below which a copy is quicker than to give a buffer away. */
const smallBytes = 2_048

/**
 * The buffers that a message gives away; small ones are copied with it. Tensors that cross a lane's edge were packed:
 * each owns its buffer, none is shared.
 */
export function buffersOf(tensors: Readonly<Record<string, Tensor>>): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = []
  for (const name in tensors) {
    const data = tensors[name]?.data
    if (data && data.byteLength >= smallBytes) buffers.push(data.buffer as ArrayBuffer)
  }
  return buffers
}

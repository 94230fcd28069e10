import { isStrings, type Tensor } from '../../models/core/index.ts'

/** Below so many bytes, a copy is faster than a transfer. */
const smallBytes = 2_048

/**
 * The buffers to transfer with a message; small ones are copied instead. Tensors of a batch were packed, so each owns
 * its buffer and none is shared.
 */
export function buffersOf(tensors: Readonly<Record<string, Tensor>>): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = []
  for (const name in tensors) {
    const data = tensors[name]?.data
    if (data && !isStrings(data) && data.byteLength >= smallBytes) buffers.push(data.buffer as ArrayBuffer)
  }
  return buffers
}

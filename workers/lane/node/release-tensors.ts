import { detachBuffers } from '../../../models/async/detach-buffers.ts'
import type { OrtTensor } from '../runtime/ort.ts'

/**
 * Frees tensors' memory at once: the next ones get the same. The garbage collector would let them pile up, and each
 * would be new memory for the system to find and to clear.
 */
export function releaseTensors(tensors: readonly OrtTensor[]): void {
  const buffers = new Set<ArrayBuffer>()
  for (const tensor of tensors) {
    const buffer = bufferOf(tensor)
    if (buffer) buffers.add(buffer)
    tensor.dispose()
  }
  detachBuffers([...buffers])
}

/** The memory of a tensor's numbers, where this process has it. */
export function bufferOf(tensor: OrtTensor): ArrayBuffer | undefined {
  // That of a tensor on the GPU has no data: asking for them throws.
  const data = tensor.location === 'cpu' ? tensor.data : undefined
  return ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer ? data.buffer : undefined
}

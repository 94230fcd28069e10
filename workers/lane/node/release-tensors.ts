import { detachBuffers } from '../../../models/async/detach-buffers.ts'
import type { OrtTensor } from '../runtime/ort.ts'

/**
 * Frees tensors' memory at once: the next ones get the same. The garbage collector would let them pile up, and each
 * would be new memory for the system to find and to clear.
 */
export function releaseTensors(tensors: readonly OrtTensor[]): void {
  const buffers: ArrayBuffer[] = []
  for (const tensor of tensors) {
    const { data, location } = tensor
    if (location === 'cpu' && ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer)
      buffers.push(data.buffer)
    tensor.dispose()
  }
  detachBuffers(buffers)
}

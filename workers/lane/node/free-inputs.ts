import { detachBuffers } from '../../../models/async/detach-buffers.ts'
import type { Tensor } from '../../../models/core/index.ts'
import { buffersOf } from '../../protocol/transferables.ts'

/** Memory of fewer bytes is left to the garbage collector. */
const smallest = 65_536

type Tensors = Readonly<Record<string, Tensor>>

/**
 * Frees the memory of a run's inputs, but for what its outputs share. The next message gets the same memory, which the
 * processor has in its cache; the garbage collector would free it many runs later.
 */
export function freeInputs(inputs: Tensors, outputs: Tensors): void {
  const kept = new Set(buffersOf(outputs))
  const free = (buffer: ArrayBuffer) => buffer.byteLength >= smallest && !kept.has(buffer)
  detachBuffers([...new Set(buffersOf(inputs))].filter(free))
}

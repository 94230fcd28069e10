import type { Tensor } from '../../models/index.ts'

type Tensors = Readonly<Record<string, Tensor>>

/** Copies of the caller's tensors, in buffers of their own that a message may give away. */
export function pack(tensors: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
  )
}

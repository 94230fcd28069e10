import type { Tensor } from '../../models/index.ts'

/** The buffers that a message gives away. Tensors that cross a lane's edge were packed: each owns its buffer, none is shared. */
export const buffersOf = (tensors: Readonly<Record<string, Tensor>>): ArrayBuffer[] =>
  Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer)

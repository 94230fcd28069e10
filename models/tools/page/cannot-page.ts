import { type ErrorDetail, SpillwayError } from '../../core/error.ts'

/** A graph that `PagedAttention` of WebGPU cannot compute, or that is not in the hub's layout. */
export const cannotPage = (why: string, detail: ErrorDetail = {}): SpillwayError =>
  new SpillwayError('not_supported', `The graph cannot be paged: ${why}`, detail)

import { messageOf } from '../../../models/core/index.ts'

/** How C++, V8, Dawn, CUDA and ONNX Runtime's own allocator say it: there is no code for it. */
const signs =
  /bad_alloc|out of memory|not enough memory|failed to allocate|allocation failed|unable to grow|\bOOM\b/i

export const ranOutOfMemory = (cause: unknown): boolean => signs.test(messageOf(cause))

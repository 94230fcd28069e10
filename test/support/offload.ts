import { systemClock } from '../../models/async/clock.ts'
import { createOffload, type OffloadOptions } from '../../server/offload/offload.ts'

/** The built thread: Node 20 does not run TypeScript. */
const entry = new URL('../../dist/server/offload.js', import.meta.url)

export const createTestOffload = (options: Partial<OffloadOptions> = {}) =>
  createOffload({ entry, clock: systemClock, taskMs: 60_000, maxBytes: 2 ** 28, ...options })

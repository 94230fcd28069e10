/** The API of the package for programs in Node: as elsewhere, and with lanes where they are asked for. */
import { createRuntimeWith, type RuntimeOptions } from '../create-runtime.ts'

export { SpillwayError } from '../../../models/core/index.ts'

// A variable: bundlers take `new URL(…, import.meta.url)` for a file that they have to copy.
const here = import.meta.url

/** As `createRuntime` of the other platforms. */
export const createRuntime = (options: RuntimeOptions) =>
  createRuntimeWith(options, async (options) => {
    // Programs without lanes load none of their code.
    const { startWithLanes } = await import('./start-with-lanes.ts')
    return startWithLanes(options, new URL('dist/server/lane.js', here))
  })

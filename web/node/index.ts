/** The API of the package for programs without a page: start with `createRuntime`. */

export { SpillwayError } from '../../models/core/index.ts'
// Types only: that code is a page's.
export type * from '../api/index.ts'
export { createRuntime, type LaneOptions, type RemoteOptions, type RuntimeOptions } from './create-runtime.ts'

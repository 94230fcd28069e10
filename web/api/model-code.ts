/** The code that a page needs after it has its first manifest: the exchange with the server, advice, and long requests. */

export * as cutting from '../../workers/host/scheduler/cut-request.ts'
export { forceVariant, refuseForced } from '../placement/force-variant.ts'
export { SecondBackend } from '../placement/second-backend.ts'
export { infer } from '../remote/oip-infer.ts'
export { advise } from './advise.ts'

/** The code that a page needs after it has its first manifest: the exchange with the server, and advice. */
export { forceVariant } from '../placement/force-variant.ts'
export { infer } from '../remote/oip-infer.ts'
export { advise } from './advise.ts'

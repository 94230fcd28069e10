/** The code that a page needs with its first model: manifests and their schemas, and the exchange with the server. */
export { parseManifest } from '../../models/core/manifest-schema.ts'
export { fetchCatalogue, openSource } from '../../models/hub/find.ts'
export { forceVariant } from '../placement/force-variant.ts'
export { infer } from '../remote/oip-infer.ts'
export { advise } from './advise.ts'

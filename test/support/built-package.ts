import { fileURLToPath } from 'node:url'

/** The folder of the package that `npm run build:package` has written, which `npm test` does before the tests. */
export const builtPackage = fileURLToPath(new URL('../../dist/package/', import.meta.url))

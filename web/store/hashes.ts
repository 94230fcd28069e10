/** The hashes that the store uses. Imported from here, a bundler leaves out the library's others. */
export { createSHA256, createXXHash128, sha256 } from 'hash-wasm'

/** The worker of one file's digest: it hashes while the store's worker fetches and writes. */
import { expose } from 'comlink'
import { openDigest } from './sha256-digest.ts'

const digest = openDigest(undefined)

const api = {
  /** Resolves once it can hash. */
  open: async () => {
    await digest
  },
  update: async (bytes: Uint8Array) => (await digest).update(bytes),
  finish: async () => (await digest).finish(),
  restart: async () => (await digest).restart(),
}
export type DigestApi = typeof api
expose(api)

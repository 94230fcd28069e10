/** The worker of one file's digest: it hashes while the store's worker fetches and writes. */
import { expose } from 'comlink'
import { resumeDigest } from './digest.ts'

let digest = resumeDigest()

const api = {
  /** Resolves once it can hash, going on from `state`. */
  open: async (state: Uint8Array | undefined) => {
    if (state) digest = resumeDigest(state)
    await digest
  },
  update: async (bytes: Uint8Array) => (await digest).update(bytes),
  finish: async () => (await digest).finish(),
  restart: async () => (await digest).restart(),
}
export type DigestApi = typeof api
expose(api)

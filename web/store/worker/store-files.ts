import { fileAddress } from '../../../workers/host/lane-client/browser/file-address.ts'
import { runtimeFiles } from '../../../workers/host/lane-client/browser/runtime-files.ts'
import type { RuntimeFiles } from '../../../workers/protocol/runtime-files.ts'
import digest from '../download/sha256-digest-entry.ts?worker&url'
import reader from '../storage/reader-entry.ts?worker&url'

/** What the store's worker loads. Addresses are absolute. */
export interface StoreFiles {
  /** The scripts of the workers that it starts itself. */
  readonly digest: string
  readonly reader: string
  readonly runtime: RuntimeFiles
}

export const storeFiles = (): StoreFiles => ({
  digest: fileAddress(digest),
  reader: fileAddress(reader),
  runtime: runtimeFiles(),
})

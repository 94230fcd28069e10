/** A store that keeps every file in the origin private file system, which only workers can write. */
import { expose } from 'comlink'
import { systemClock } from '../../models/async/clock.ts'
import { createIndexedDbStore } from '../../web/store/storage/indexeddb-store.ts'
import type { FileRecord } from '../../web/store/storage/model-store.ts'
import { openOpfs } from '../../web/store/storage/opfs.ts'

const open = (name: string) =>
  createIndexedDbStore({ clock: systemClock, opfs: openOpfs(name), name, opfsFrom: 0 })

const api = {
  locationOf: (name: string, size: number) => open(name).locationOf(size),
  append: (name: string, record: FileRecord, chunk: Uint8Array<ArrayBuffer>) =>
    open(name).append(record, chunk),
  read: async (name: string, record: FileRecord) => {
    const bytes = new Uint8Array(record.size)
    const reported: number[] = []
    const isIntact = await open(name).read(record, bytes, (read) => reported.push(read))
    return { isIntact, bytes, reported }
  },
  /** Overwrites a file from `at` on, without any check. Without bytes it cuts the file off there. */
  overwrite: async (name: string, key: string, at: number, bytes: Uint8Array<ArrayBuffer> | undefined) => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(name)
    const writer = await (await folder.getFileHandle(key)).createWritable({ keepExistingData: true })
    await writer.truncate(at)
    if (bytes) await writer.write({ type: 'write', position: at, data: bytes })
    await writer.close()
  },
}
export type OpfsWorkerApi = typeof api
expose(api)

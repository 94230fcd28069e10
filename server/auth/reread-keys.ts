import type { KeyEntry } from '../../models/protocols/api-keys.ts'
import type { Log } from '../http/request-log.ts'
import { type Keys, readKeys } from './keys.ts'

/**
 * Reads the file of keys again. Added, removed and changed keys hold from the next request on; the tokens of a removed
 * key are refused. Where the file has a fault, the keys from before stay.
 */
export function createRereadKeys(path: string, keys: Keys, log: Log): () => Promise<void> {
  let last = Promise.resolve()
  const reread = async () => {
    let read: readonly KeyEntry[]
    try {
      read = await readKeys(path)
    } catch (err) {
      return log.error({ err }, 'The keys could not be reread: those from before still hold')
    }
    const before = keys.all
    const textOf = (entry: KeyEntry) => JSON.stringify(entry)
    const oldOf = (name: string) => before.find((one) => one.name === name)
    const isChanged = (entry: KeyEntry, old = oldOf(entry.name)) =>
      old !== undefined && textOf(old) !== textOf(entry)
    keys.replace(read)
    const namesOf = (entries: readonly KeyEntry[]) => entries.map(({ name }) => name)
    log.info(
      {
        added: namesOf(read.filter(({ name }) => !oldOf(name))),
        changed: namesOf(read.filter((entry) => isChanged(entry))),
        removed: namesOf(before.filter(({ name }) => !keys.named(name))),
      },
      'The keys were reread',
    )
  }
  return () => {
    last = last.then(reread)
    return last
  }
}

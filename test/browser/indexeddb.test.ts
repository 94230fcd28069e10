import { createStore, set } from 'idb-keyval'
import { createIndexedDbStore, fileKey } from '../../web/store/indexeddb.ts'
import { systemClock } from '../../workers/clock.ts'
import { modelStoreContract } from '../contract/model-store.ts'

let count = 0
const name = () => `spillway-test-${count}`

modelStoreContract('IndexedDB', {
  create: async () => {
    count++
    return createIndexedDbStore(systemClock, name())
  },
  reopen: () => createIndexedDbStore(systemClock, name()),
  corrupt: (file, bytes) => set(fileKey(file), bytes, createStore(name(), 'models')),
})

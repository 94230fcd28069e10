import { createStore, type UseStore } from 'idb-keyval'
import type { Clock } from '../../../models/async/clock.ts'
import { withTimeout } from '../../../models/async/timeouts.ts'
import { SpillwayError } from '../../../models/core/index.ts'

/** One object store of one IndexedDB database. */
export interface Database {
  /** Rejects as the operation does, or where the database does not answer. */
  perform<T>(operation: (store: UseStore) => Promise<T>): Promise<T>
  /** Undefined where it fails: private windows and blocked storage do. The page then works without a store. */
  attempt<T>(operation: (store: UseStore) => Promise<T>): Promise<T | undefined>
}

export interface DatabaseOptions {
  readonly clock: Clock
  readonly name: string
  readonly objectStore: string
  /** Bounds one operation. A database that another tab upgrades, or a broken profile, may never answer. */
  readonly timeoutMs: number
  /** How long a database that did not answer is not used again. */
  readonly backOffMs: number
}

/** It is opened by the first operation. */
export function createDatabase(options: DatabaseOptions): Database {
  const { clock, name, objectStore, timeoutMs, backOffMs } = options
  let opened: UseStore | undefined
  let backOffUntil = Number.NEGATIVE_INFINITY
  const perform: Database['perform'] = async (operation) => {
    if (clock.now() < backOffUntil)
      throw new SpillwayError('internal', 'IndexedDB did not answer, and is not asked again yet')
    try {
      opened ??= createStore(name, objectStore)
      return await withTimeout(clock, timeoutMs, operation(opened), () => {
        backOffUntil = clock.now() + backOffMs
        return new SpillwayError('internal', 'IndexedDB does not answer')
      })
    } catch (cause) {
      // idb-keyval would keep a failed open: the next operation opens the database anew.
      if (!isFull(cause)) opened = undefined
      throw cause
    }
  }
  return { perform, attempt: (operation) => perform(operation).catch(() => undefined) }
}

/** Whether a write failed for lack of space. */
export const isFull = (cause: unknown): boolean =>
  cause instanceof Error && cause.name === 'QuotaExceededError'

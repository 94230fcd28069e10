import type { Runtime } from '../../api/create-runtime.ts'
import type { RuntimeStats } from '../../api/stats.ts'
import { type Observable, Observed } from './observable.ts'

/** What a component without a runtime gets. */
export const noStats: Observable<RuntimeStats | undefined> = new Observed(undefined)

/** The runtime's stats: a snapshot at first, then one at most four times a second while requests run. */
export function observeStats(runtime: Runtime): Observable<RuntimeStats | undefined> {
  const stats = new Observed<RuntimeStats | undefined>(runtime.stats(), () => {
    const listener = ({ stats: next }: { readonly stats: RuntimeStats }) => {
      stats.value = next
    }
    runtime.addEventListener('stats', listener)
    return () => runtime.removeEventListener('stats', listener)
  })
  return stats
}

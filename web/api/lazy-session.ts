import { withAbort } from '../../models/async/abort.ts'
import { importOnce } from '../../models/async/import-code.ts'
import { untilDeadline } from '../../models/async/timeouts.ts'
import { UnansweredCalls } from '../../models/async/unanswered-calls.ts'
import type { StatefulSession } from './session.ts'
import { sessionClosed, withoutState } from './session-errors.ts'

/**
 * Imports `StatefulSession` with the first session, so that pages whose models have no state never load it. Runs keep
 * their order. Where the import failed, the next run tries it again.
 *
 * @throws SpillwayError `not_supported` where the model has no state.
 */
export function createLazySession(
  ...options: ConstructorParameters<typeof StatefulSession>
): Pick<StatefulSession, 'run' | 'close'> {
  const [manifest, , clock] = options
  if (!manifest.state) throw withoutState(manifest)
  const unanswered = new UnansweredCalls(sessionClosed)
  const load = importOnce(clock, 'sessions', async () => {
    const { StatefulSession } = await import('./session.ts')
    return new StatefulSession(...options)
  })
  // Each run reports the failure.
  load().catch(() => undefined)
  return {
    run: (inputs, placement, names) =>
      unanswered.track(async () => {
        const askedAt = clock.now()
        const { deadlineMs, signal } = placement
        const deadline = deadlineMs === undefined ? undefined : askedAt + deadlineMs
        const session = await untilDeadline(clock, deadline, signal, (stop) => withAbort(stop, load()))
        const waitedMs = clock.now() - askedAt
        const left =
          deadlineMs === undefined ? placement : { ...placement, deadlineMs: deadlineMs - waitedMs }
        return session.run(inputs, left, names)
      }),
    close: () => {
      unanswered.close()
      void load().then(
        (session) => session.close(),
        () => undefined,
      )
    },
  }
}

import type { StatefulSession } from './session.ts'
import { withoutState } from './without-state.ts'

/**
 * Imports `StatefulSession` with the first session, so that pages whose models have no state never load it. Runs keep
 * their order.
 *
 * @throws SpillwayError `not_supported` where the model has no state.
 */
export function createLazySession(
  ...options: ConstructorParameters<typeof StatefulSession>
): Pick<StatefulSession, 'run' | 'close'> {
  const [manifest] = options
  if (!manifest.state) throw withoutState(manifest)
  const loading = import('./session.ts').then(({ StatefulSession }) => new StatefulSession(...options))
  // Each run reports the failure.
  loading.catch(() => undefined)
  return {
    run: async (...run) => (await loading).run(...run),
    close: () => {
      void loading.then(
        (session) => session.close(),
        () => undefined,
      )
    },
  }
}

import type { TierClients } from './dispatcher.ts'
import type { SecondBackend } from './second-backend.ts'

/** Lets the code of second backends know of each session that was loaded. It is made with the first one after it is here. */
export function watchLoaded(
  { device, secondBackend }: Pick<TierClients, 'device' | 'secondBackend'>,
  parts: ConstructorParameters<typeof SecondBackend>[0],
): void {
  let second: SecondBackend | undefined
  device.onReady((session) => {
    second ??= secondBackend?.(parts)
    void second?.ready(session)
  })
}

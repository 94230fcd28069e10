import type { DeviceSession } from '../device/device-session.ts'
import type { TierClients } from './dispatcher.ts'
import type { Health } from './health.ts'
import type { ModelStates } from './model-states.ts'
import { sameVariant } from './same-variant.ts'

export interface PrepareTextTools {
  readonly device: TierClients['device']
  readonly states: Pick<ModelStates, 'get'>
  readonly health: Pick<Health, 'deviceFailures'>
  /** Loads a session. */
  readonly prepare: (session: DeviceSession) => Promise<void>
}

/** Loads the session that goes on with a text: of the variant that began it where that is possible. */
export async function prepareText(
  chosen: DeviceSession,
  variantId: string | undefined,
  { device, states, health, prepare }: PrepareTextTools,
): Promise<DeviceSession> {
  const { manifest } = chosen
  const state = states.get(manifest)
  const session = state
    ? sameVariant(chosen, variantId, {
        device,
        capacity: state.capacity,
        failures: health.deviceFailures(manifest.id),
      })
    : chosen
  if (session !== chosen) {
    try {
      await prepare(session)
      return session
    } catch {
      // The chosen session is not at fault. Where the caller has left, it says so as well.
    }
  }
  await prepare(chosen)
  return chosen
}

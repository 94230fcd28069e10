import { variantsFor } from '../../models/core/index.ts'
import type { Capacity } from '../device/capacity.ts'
import type { DeviceSession } from '../device/device-session.ts'
import type { Failure } from './candidate.ts'
import { selectDeviceTarget } from './device-target.ts'
import type { TierClients } from './dispatcher.ts'

export interface SameVariantOptions {
  readonly device: Pick<TierClients['device'], 'session' | 'isReady'>
  readonly capacity: Capacity
  readonly failures: readonly Failure[]
}

/**
 * The session that goes on with a text: of the variant that began it, if the chosen session's backend can run that and
 * it is loaded, or if the chosen session is not loaded either. A text does not wait for a second variant's download.
 *
 * @param variantId The variant that began the text; undefined before it has begun.
 */
export function sameVariant(
  chosen: DeviceSession,
  variantId: string | undefined,
  { device, capacity, failures }: SameVariantOptions,
): DeviceSession {
  const { manifest, backend } = chosen
  const variant = variantsFor(manifest, backend).find(({ id }) => id === variantId)
  if (!variant || variant.id === chosen.variant) return chosen
  const target = selectDeviceTarget(capacity, { ...manifest, variants: [variant] }, { failures, costs: {} })
  if ('error' in target || target.backend !== backend) return chosen
  const same = device.session(manifest, variant, backend)
  return device.isReady(same) || !device.isReady(chosen) ? same : chosen
}

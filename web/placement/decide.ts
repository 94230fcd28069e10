import { type Manifest, type Placement, type Policy, SpillwayError } from '../../models/core/index.ts'
import type { Capacity } from '../device/capacity/capacity.ts'
import { type DeviceTarget, type Ineligible, type Known, selectDeviceTarget } from './device-target.ts'

/** What changes from one request to the next. */
export interface Conditions extends Known {
  readonly server: 'available' | 'unavailable' | 'absent'
  /** Whether the model is loaded where `selectDeviceTarget` would run it. */
  readonly loaded: boolean
  /** How late the device would be, where it is so late that the server is asked. */
  readonly late: SpillEstimate | undefined
}

/** When each tier would answer, in milliseconds; or the sequences of a language model that have its slots or wait for one. */
export type SpillEstimate =
  | { readonly deviceMs: number; readonly serverMs: number }
  | { readonly slots: number; readonly taken: number }

type Why = Pick<Placement, 'reason' | 'explanation'>

export type DeviceDecision = { readonly tier: 'device'; readonly target: DeviceTarget } & Why

export type Decision = DeviceDecision | ({ readonly tier: 'server' } & Why)

/**
 * Where a request runs. Pure: the same arguments give the same placement.
 * A tier that is the only one left is tried even when it looked unavailable.
 *
 * @throws SpillwayError `capacity_insufficient` or `server_absent` where the policy leaves no tier.
 */
export function decide(capacity: Capacity, manifest: Manifest, policy: Policy, live: Conditions): Decision {
  const device = selectDeviceTarget(capacity, manifest, live)
  const canAsk = live.server === 'available'
  switch (policy) {
    case 'device': {
      const only = retry(capacity, manifest, device, live)
      if ('error' in only) throw only.error
      return onDevice(only, 'policy', `The policy is "device": ${only.explanation}`)
    }
    case 'server':
      if (live.server === 'absent') throw noServer(policy)
      return onServer('policy', 'The policy is "server"')
    case 'prefer-server':
      if (canAsk) return onServer('preferred', 'The policy prefers the server')
      if ('error' in device) return lastResort(capacity, manifest, device, live)
      return onDevice(
        device,
        'server-unavailable',
        'The server does not answer, and the device can run the model',
      )
    case 'prefer-device':
      if ('error' in device) return lastResort(capacity, manifest, device, live)
      return onDevice(device, 'preferred', `The policy prefers the device: ${device.explanation}`)
    case 'auto':
      if ('error' in device) return lastResort(capacity, manifest, device, live)
      if (!live.loaded && canAsk) return onServer('bridge', 'The device is still loading the model')
      if (live.late && canAsk) return onServer('spill', whySpill(live.late))
      return onDevice(device, 'device-capable', device.explanation)
  }
}

const whySpill = (late: SpillEstimate) =>
  'slots' in late
    ? `The device's ${late.slots} slots are taken, and ${late.taken - late.slots} sequences wait for one`
    : `The device would answer in ${Math.round(late.deviceMs)} ms, the server in ${Math.round(late.serverMs)} ms`

const onDevice = (target: DeviceTarget, reason: Placement['reason'], explanation: string): Decision => ({
  tier: 'device',
  target,
  reason,
  explanation,
})

const onServer = (reason: Placement['reason'], explanation: string): Decision => ({
  tier: 'server',
  reason,
  explanation,
})

function lastResort(capacity: Capacity, manifest: Manifest, device: Ineligible, live: Conditions): Decision {
  if (live.server !== 'absent') return onServer(device.reason, device.explanation)
  const only = retry(capacity, manifest, device, live)
  if ('error' in only) throw only.error
  return onDevice(only, 'server-unavailable', `There is no server: ${only.explanation}`)
}

/** The device again where nothing but a late failure speaks against it and nothing else is left. */
const retry = (
  capacity: Capacity,
  manifest: Manifest,
  device: DeviceTarget | Ineligible,
  { speeds }: Conditions,
): DeviceTarget | Ineligible =>
  'error' in device && device.reason === 'device-failed'
    ? selectDeviceTarget(capacity, manifest, { failed: [], speeds })
    : device

const noServer = (policy: Policy) =>
  new SpillwayError('server_absent', `Policy "${policy}" needs a server and the runtime has none`, {
    hint: 'Give createRuntime a server, or use policy "device".',
  })

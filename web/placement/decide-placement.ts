import { type Placement, type Policy, SpillwayError } from '../../models/core/index.ts'
import type { DeviceTarget, Ineligible } from './device-target.ts'

/** The inputs of a decision, beside the policy. */
export interface Conditions {
  /** How the device would run the model, or why it cannot; undefined while the capacity is not known yet. */
  readonly device: DeviceTarget | Ineligible | undefined
  readonly server: 'available' | 'unavailable' | 'absent'
  /** Whether the device has the model loaded. */
  readonly isLoaded: boolean
  /** Set where the request should spill: the estimates that say so. */
  readonly spill: SpillEstimate | undefined
}

/** When each tier would answer, in milliseconds; or a language model's slots and the sequences that have or await one. */
export type SpillEstimate =
  | { readonly deviceMs: number; readonly serverMs: number }
  | { readonly slots: number; readonly taken: number }

type Reason = Pick<Placement, 'reason' | 'explanation'>

export type DeviceDecision = { readonly tier: 'device'; readonly target: DeviceTarget } & Reason

export type Decision = DeviceDecision | ({ readonly tier: 'server' } & Reason)

/** The decision where the rule applies, undefined where the next rule is asked. */
type Rule = (conditions: Conditions) => Decision | 'needs-capacity' | undefined

/**
 * Where a request runs. Pure: the same arguments give the same decision. A tier that is the only one left is tried even
 * if it looked unavailable.
 *
 * @returns `needs-capacity` where the decision depends on the device's capacity and it is not known yet.
 * @throws SpillwayError `capacity_insufficient` or `server_absent` where the policy leaves no tier.
 */
export function decide(policy: Policy, conditions: Conditions): Decision | 'needs-capacity' {
  for (const rule of policyRules[policy]) {
    const decision = rule(conditions)
    if (decision) return decision
  }
  throw new SpillwayError('internal', `No rule of policy "${policy}" applies`)
}

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

const serverOnly: Rule = ({ server }) => {
  if (server === 'absent') {
    throw new SpillwayError('server_absent', 'Policy "server" needs a server and the runtime has none', {
      hint: 'Give createRuntime a server, or use policy "device".',
    })
  }
  return onServer('policy', 'The policy is "server"')
}

const serverIfAvailable =
  (reason: Placement['reason'], explanation: string): Rule =>
  ({ server }) =>
    server === 'available' ? onServer(reason, explanation) : undefined

const bridgeWhileLoading: Rule = ({ device, server, isLoaded }) => {
  if (server !== 'available') return undefined
  if (!device) return onServer('bridge', 'The capacity of the device is not known yet')
  if ('error' in device || isLoaded) return undefined
  return onServer('bridge', 'The device is still loading the model')
}

const spillIfLate: Rule = ({ device, server, spill }) =>
  device && !('error' in device) && spill && server === 'available'
    ? onServer('spill', explainSpill(spill))
    : undefined

const deviceIfEligible =
  (reason: Placement['reason'], explain: (target: string) => string): Rule =>
  ({ device }) => {
    if (!device) return 'needs-capacity'
    return 'error' in device ? undefined : onDevice(device, reason, explain(device.explanation))
  }

/** The server for a model that the device cannot run. */
const serverInstead: Rule = ({ device, server }) =>
  device && 'error' in device && server !== 'absent' ? onServer(device.reason, device.explanation) : undefined

/** The device again where only recent failures rule it out, as nothing else is left. */
const deviceAgain =
  (reason: Placement['reason'], explain: (target: string) => string): Rule =>
  ({ device }) => {
    if (!device || !('error' in device)) return undefined
    if (!device.retry) throw device.error
    return onDevice(device.retry, reason, explain(device.retry.explanation))
  }

const policyIsDevice = (target: string) => `The policy is "device": ${target}`
const lastResort: readonly Rule[] = [
  serverInstead,
  deviceAgain('server-unavailable', (target) => `There is no server: ${target}`),
]

/** The rules of each policy: the first that applies decides. */
const policyRules: Readonly<Record<Policy, readonly Rule[]>> = {
  device: [deviceIfEligible('policy', policyIsDevice), deviceAgain('policy', policyIsDevice)],
  server: [serverOnly],
  'prefer-server': [
    serverIfAvailable('preferred', 'The policy prefers the server'),
    deviceIfEligible(
      'server-unavailable',
      () => 'The server does not answer, and the device can run the model',
    ),
    ...lastResort,
  ],
  'prefer-device': [
    deviceIfEligible('preferred', (target) => `The policy prefers the device: ${target}`),
    ...lastResort,
  ],
  auto: [
    bridgeWhileLoading,
    spillIfLate,
    deviceIfEligible('device-capable', (target) => target),
    ...lastResort,
  ],
}

const explainSpill = (estimate: SpillEstimate) =>
  'slots' in estimate
    ? `The device's ${estimate.slots} slots are taken, and ${estimate.taken - estimate.slots} sequences wait for one`
    : `The device would answer in ${Math.round(estimate.deviceMs)} ms, the server in ${Math.round(estimate.serverMs)} ms`

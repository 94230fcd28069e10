import { type Policy, policies, SpillwayError } from '../../models/core/index.ts'

// Pages in plain JavaScript can pass any value.

/** @throws SpillwayError `input_value_invalid` */
export function checkPolicy(policy: Policy): Policy {
  if (policies.includes(policy)) return policy
  throw new SpillwayError('input_value_invalid', `policy must be one of ${policies.join(', ')}`, {
    got: String(policy),
  })
}

/** @throws SpillwayError `input_value_invalid` */
export function checkDeadline(deadlineMs: number | undefined): void {
  if (deadlineMs === undefined || (Number.isFinite(deadlineMs) && deadlineMs > 0)) return
  throw new SpillwayError('input_value_invalid', 'deadlineMs must be a positive number of milliseconds', {
    got: String(deadlineMs),
  })
}

/** @throws SpillwayError `input_value_invalid` */
export function checkMaxLanes(maxLanes: number | undefined): number | undefined {
  if (maxLanes === undefined || (Number.isInteger(maxLanes) && maxLanes > 0)) return maxLanes
  throw new SpillwayError('input_value_invalid', 'maxLanes must be a positive integer', {
    got: String(maxLanes),
  })
}

import { type Policy, policies, SpillwayError } from '../../models/core/index.ts'

/** @throws SpillwayError `input_value_invalid`: pages in plain JavaScript can pass anything. */
export function checkPolicy(policy: Policy): Policy {
  if (policies.includes(policy)) return policy
  throw new SpillwayError('input_value_invalid', 'No such policy', {
    expected: policies.join(', '),
    got: String(policy),
  })
}

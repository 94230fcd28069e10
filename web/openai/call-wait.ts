import { withAbort } from '../../models/async/abort.ts'
import type { Clock } from '../../models/async/clock.ts'
import { untilDeadline } from '../../models/async/timeouts.ts'
import { type FieldNames, refuseUnknownFields } from '../../models/core/known-fields.ts'
import { checkPolicy, checkRequestOptions } from '../api/check-options.ts'
import type { RequestOptions } from '../api/model-options.ts'
import type { OpenAiOptions } from './types.ts'

/** How a call waits, from its begin on. */
export interface CallWait {
  /** Waits for work that other calls may share: a call that leaves does not stop it. */
  until<T>(work: Promise<T>): Promise<T>
  /** The same for a request of a model, with the time that is left. */
  options(): RequestOptions
}

const optionFields: FieldNames<OpenAiOptions> = { signal: true, timeout: true, policy: true }

/** @throws SpillwayError `input_name_invalid` for an option that there is not; `input_value_invalid` for another value. */
export function createCallWait(options: OpenAiOptions, clock: Clock): CallWait {
  refuseUnknownFields('An OpenAI request', options, optionFields)
  const { signal, timeout, policy } = options
  const withDeadline = (deadlineMs: number | undefined): RequestOptions => ({
    ...(signal && { signal }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(policy !== undefined && { policy: checkPolicy(policy) }),
  })
  checkRequestOptions(withDeadline(timeout))
  const deadline = timeout === undefined ? undefined : clock.now() + timeout
  return {
    until: (work) => untilDeadline(clock, deadline, signal ?? undefined, (left) => withAbort(left, work)),
    options: () => withDeadline(deadline === undefined ? undefined : Math.max(1, deadline - clock.now())),
  }
}

import { type Policy, policies, SpillwayError } from '../../models/core/index.ts'
import { type FieldNames, refuseUnknownFields } from '../../models/core/known-fields.ts'
import { showValue } from '../../models/core/wording.ts'
import type { HubOptions } from '../../models/hub/index.ts'
import { type LaneLimits, laneLimits } from '../../workers/host/lane-client/lane.ts'
import type { RuntimeOptions } from './create-runtime.ts'
import type { ModelOptions, RequestOptions, RunOptions } from './model.ts'

// Pages in plain JavaScript can pass any value.

const runtimeFields: FieldNames<RuntimeOptions> = {
  server: true,
  key: true,
  models: true,
  hub: true,
  policy: true,
  maxLanes: true,
  maxQueued: true,
  timeouts: true,
  memoryBytes: true,
}
const timeoutFields: FieldNames<NonNullable<RuntimeOptions['timeouts']>> = {
  loadMs: true,
  warmUpMs: true,
  runMs: true,
}
const hubFields: FieldNames<HubOptions> = { endpoint: true, token: true }
const modelFields: FieldNames<ModelOptions> = { signal: true, onProgress: true }
const requestFields: FieldNames<RequestOptions> = {
  signal: true,
  deadlineMs: true,
  policy: true,
  priority: true,
}
const runFields: FieldNames<RunOptions> = { ...requestFields, outputs: true }

/** @throws SpillwayError `input_name_invalid` for an option that there is not. */
export function checkRuntimeOptions(options: RuntimeOptions): void {
  refuseUnknownFields('createRuntime()', options, runtimeFields)
  if (options.hub) refuseUnknownFields('The option "hub" of createRuntime()', options.hub, hubFields)
  if (options.timeouts)
    refuseUnknownFields('The option "timeouts" of createRuntime()', options.timeouts, timeoutFields)
}

/** @throws SpillwayError `input_name_invalid` for an option that there is not. */
export const checkModelOptions = (options: ModelOptions): void =>
  refuseUnknownFields('A model', options, modelFields)

/** @throws SpillwayError `input_name_invalid` for an option that there is not; `input_value_invalid` for another value. */
export function checkRunOptions(options: RunOptions): void {
  refuseUnknownFields('A request', options, runFields)
  checkDeadline(options.deadlineMs)
  const outputs: unknown = options.outputs
  if (outputs === undefined || Array.isArray(outputs)) return
  throw new SpillwayError('input_value_invalid', 'outputs must be a list of names', {
    got: showValue(outputs),
  })
}

/** The same for texts, which have no outputs to choose. */
export function checkRequestOptions(options: RequestOptions): void {
  refuseUnknownFields('A request', options, requestFields)
  checkDeadline(options.deadlineMs)
}

/** @throws SpillwayError `input_value_invalid`, without the key: it may be a secret one. */
export function checkKey(key: string | undefined): string | undefined {
  if (key === undefined || (typeof key === 'string' && key.startsWith('pk_'))) return key
  const isSecret = typeof key === 'string' && key.startsWith('sk_')
  throw new SpillwayError('input_value_invalid', 'key must be a publishable key for pages', {
    expected: 'a text that begins with pk_',
    got: isSecret ? 'a key for servers, which everybody who opens the page can read' : 'another value',
    ...(isSecret && {
      hint: 'Remove it from the page, and from the file of keys: it is no secret any more.',
    }),
  })
}

/** @throws SpillwayError `input_value_invalid` */
export function checkPolicy(policy: Policy): Policy {
  if (policies.includes(policy)) return policy
  throw new SpillwayError('input_value_invalid', `policy must be one of ${policies.join(', ')}`, {
    got: String(policy),
  })
}

function checkDeadline(deadlineMs: number | undefined): void {
  if (deadlineMs === undefined || (Number.isFinite(deadlineMs) && deadlineMs > 0)) return
  throw new SpillwayError('input_value_invalid', 'deadlineMs must be a positive number of milliseconds', {
    got: String(deadlineMs),
  })
}

/** @throws SpillwayError `input_value_invalid` */
export const checkMaxLanes = (maxLanes: number | undefined) => checkPositive('maxLanes', maxLanes)

/** @throws SpillwayError `input_value_invalid` */
export const checkMemoryBytes = (memoryBytes: number | undefined) => checkPositive('memoryBytes', memoryBytes)

/** @throws SpillwayError `input_value_invalid` */
export const checkMaxQueued = (maxQueued: number | undefined) => checkPositive('maxQueued', maxQueued)

/** @throws SpillwayError `input_value_invalid` */
export function checkTimeouts(timeouts: RuntimeOptions['timeouts'] = {}): LaneLimits {
  const limits = { ...laneLimits }
  for (const name of ['loadMs', 'warmUpMs', 'runMs'] as const) {
    const ms = timeouts[name]
    if (ms === undefined) continue
    if (!(Number.isFinite(ms) && ms > 0)) {
      throw new SpillwayError(
        'input_value_invalid',
        `timeouts.${name} must be a positive number of milliseconds`,
        {
          got: String(ms),
        },
      )
    }
    limits[name] = ms
  }
  return {
    ...limits,
    settings: {
      load: 'timeouts.loadMs of createRuntime',
      warmUp: 'timeouts.warmUpMs of createRuntime',
      run: 'timeouts.runMs of createRuntime or the deadlineMs of the request',
    },
  }
}

function checkPositive(name: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return value
  throw new SpillwayError('input_value_invalid', `${name} must be a positive integer`, {
    got: String(value),
  })
}

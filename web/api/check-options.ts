import { type Policy, policies, SpillwayError } from '../../models/core/index.ts'
import { type FieldNames, refuseUnknownFields } from '../../models/core/known-fields.ts'
import { anyOf, showValue } from '../../models/core/wording.ts'
import type { HubOptions } from '../../models/hub/index.ts'
import { type LaneLimits, laneLimits } from '../../workers/host/lane-client/lane.ts'
import { priorities } from '../../workers/host/scheduler/priority.ts'
import { deviceBackends } from '../placement/candidate.ts'
import type { ForcedChoice } from '../placement/force-variant.ts'
import type { RuntimeOptions } from './create-runtime.ts'
import type { EmbedOptions, LoadOptions, ModelOptions, RequestOptions, RunOptions } from './model-options.ts'

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
  telemetry: true,
  traceparent: true,
}
const timeoutFields: FieldNames<NonNullable<RuntimeOptions['timeouts']>> = {
  loadMs: true,
  warmUpMs: true,
  runMs: true,
}
const hubFields: FieldNames<HubOptions> = { endpoint: true, token: true }
const loadFields: FieldNames<LoadOptions> = { signal: true, onProgress: true }
const modelFields: FieldNames<ModelOptions> = {
  ...loadFields,
  adapter: true,
  backend: true,
  variant: true,
}
const requestFields: FieldNames<RequestOptions> = {
  signal: true,
  deadlineMs: true,
  policy: true,
  priority: true,
}
const embedFields: FieldNames<EmbedOptions> = { ...requestFields, truncate: true }
const runFields: FieldNames<RunOptions> = { ...requestFields, outputs: true }

/** @throws SpillwayError `input_name_invalid` for an option that there is not; `input_value_invalid` for another value. */
export function checkRuntimeOptions(options: RuntimeOptions): void {
  refuseUnknownFields('createRuntime()', options, runtimeFields)
  const { server, models, hub, timeouts } = options
  if (server !== undefined && server !== null) checkAddress('server', server)
  if (models !== undefined) checkAddress('models', models)
  if (hub !== undefined) {
    refuseUnknownFields('The option "hub" of createRuntime()', hub, hubFields)
    const { endpoint } = hub
    if (endpoint !== undefined && !URL.canParse(String(endpoint)))
      throw invalid('hub.endpoint is no address', 'an absolute address, such as https://host/', endpoint)
  }
  if (timeouts !== undefined)
    refuseUnknownFields('The option "timeouts" of createRuntime()', timeouts, timeoutFields)
}

/** @throws SpillwayError `input_value_invalid` */
export function checkSource(source: unknown): void {
  if (typeof source === 'string' && source !== '') return
  throw invalid(
    'The model has no name',
    "its id, its manifest's address or hf:owner/repo, as a string",
    source,
  )
}

/** @throws SpillwayError `input_name_invalid` for an option that there is not; `input_value_invalid` for another value. */
export function checkModelOptions(options: ModelOptions): void {
  refuseUnknownFields('A model', options, modelFields)
  checkLoadValues(options)
  const { adapter, backend, variant }: Pick<ModelOptions, 'adapter'> & ForcedChoice = options
  if (adapter !== undefined && typeof adapter !== 'string')
    throw invalid('adapter is no name', 'the name of an adapter, as a string', adapter)
  if (backend !== undefined && !deviceBackends.includes(backend))
    throw invalid('backend is none of the device', anyOf(deviceBackends), backend)
  if (variant !== undefined && typeof variant !== 'string')
    throw invalid('variant is no id', 'the id of a variant, as a string', variant)
}

/** The same for a load. */
export function checkLoadOptions(options: LoadOptions): void {
  refuseUnknownFields('A load', options, loadFields)
  checkLoadValues(options)
}

function checkLoadValues(options: LoadOptions): void {
  checkSignal(options.signal)
  const onProgress: unknown = options.onProgress
  if (onProgress === undefined || typeof onProgress === 'function') return
  throw invalid('onProgress cannot be called', 'a function', onProgress)
}

/** @throws SpillwayError `input_name_invalid` for an option that there is not; `input_value_invalid` for another value. */
export function checkRunOptions(options: RunOptions): void {
  refuseUnknownFields('A request', options, runFields)
  checkRequestValues(options)
  const outputs: unknown = options.outputs
  if (outputs === undefined || Array.isArray(outputs)) return
  throw invalid('outputs must be a list of names', 'an array of strings', outputs)
}

/** The same for texts, which have no outputs to choose. */
export function checkRequestOptions(options: RequestOptions): void {
  refuseUnknownFields('A request', options, requestFields)
  checkRequestValues(options)
}

/** The same for texts to embed. */
export function checkEmbedOptions(options: EmbedOptions): void {
  refuseUnknownFields('A request', options, embedFields)
  checkRequestValues(options)
  const truncate: unknown = options.truncate
  if (truncate === undefined || typeof truncate === 'boolean') return
  throw invalid('truncate must be true or false', 'a boolean', truncate)
}

/** @throws SpillwayError `input_value_invalid` */
export function checkTexts(texts: unknown): readonly string[] {
  if (typeof texts === 'string') return [texts]
  if (Array.isArray(texts) && texts.every((text) => typeof text === 'string')) return texts
  const wrong: unknown = Array.isArray(texts) ? texts.find((text) => typeof text !== 'string') : texts
  throw invalid('There is no text to embed', 'a string or an array of strings', wrong)
}

/** @throws SpillwayError `input_value_invalid`, without the key: it may be a secret one. */
export function checkKey(key: unknown): string {
  if (typeof key === 'string' && key.startsWith('pk_')) return key
  throw new SpillwayError('input_value_invalid', 'key is no key for pages', {
    expected: 'a string that begins with pk_',
    got: 'another value',
    hint: 'Anyone who can open a page reads its key: replace a key for servers (sk_) that was in one.',
  })
}

/** @throws SpillwayError `input_value_invalid` */
export function checkPolicy(policy: Policy): Policy {
  if (policies.includes(policy)) return policy
  throw invalid('policy is unknown', anyOf(policies), policy)
}

/** @throws SpillwayError `input_value_invalid` */
export function checkSignal(signal: unknown): void {
  // `null` is no signal, as in `fetch`. A signal of another frame is of another class.
  if (signal === undefined || signal === null || signal instanceof AbortSignal || isSignalLike(signal)) return
  throw invalid('signal is no signal', 'the signal of an AbortController', signal)
}

const isSignalLike = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  typeof Reflect.get(value, 'aborted') === 'boolean' &&
  typeof Reflect.get(value, 'addEventListener') === 'function'

function checkRequestValues({ signal, deadlineMs, priority }: RequestOptions): void {
  checkSignal(signal)
  if (deadlineMs !== undefined && !(Number.isFinite(deadlineMs) && deadlineMs > 0))
    throw invalid('deadlineMs is out of range', 'a positive number of milliseconds', deadlineMs)
  if (priority !== undefined && !priorities.includes(priority))
    throw invalid('priority is unknown', anyOf(priorities), priority)
}

function checkAddress(name: string, address: unknown): void {
  if (typeof address === 'string' || address instanceof URL) return
  throw invalid(`${name} is no address`, 'a string or a URL', address)
}

const invalid = (what: string, expected: string, got: unknown) =>
  new SpillwayError('input_value_invalid', what, { expected, got: showValue(got) })

/** @throws SpillwayError `input_value_invalid` */
export const checkMaxLanes = (maxLanes: number | undefined) => checkPositive('maxLanes', maxLanes)

/** @throws SpillwayError `input_value_invalid` */
export const checkMemoryBytes = (memoryBytes: number | undefined) => checkPositive('memoryBytes', memoryBytes)

/** @throws SpillwayError `input_value_invalid` */
export const checkMaxQueued = (maxQueued: number | undefined) => checkPositive('maxQueued', maxQueued)

/** @throws SpillwayError `input_value_invalid` */
export function checkTelemetry({
  telemetry: value = false,
  server,
}: Pick<RuntimeOptions, 'server'> & { readonly telemetry?: unknown }): boolean {
  if (typeof value !== 'boolean') {
    throw new SpillwayError('input_value_invalid', 'telemetry must be true or false', {
      got: showValue(value),
    })
  }
  if (!value || server !== null) return value
  throw new SpillwayError('input_value_invalid', 'telemetry needs a server to report to', {
    got: 'server: null',
  })
}

/** @throws SpillwayError `input_value_invalid` */
export function checkTraceparent(traceparent: RuntimeOptions['traceparent']): RuntimeOptions['traceparent'] {
  if (traceparent === undefined || typeof traceparent === 'function') return traceparent
  throw new SpillwayError('input_value_invalid', 'traceparent must be a function that returns the header', {
    got: showValue(traceparent),
  })
}

/** @throws SpillwayError `input_value_invalid` */
export function checkTimeouts(timeouts: RuntimeOptions['timeouts'] = {}): LaneLimits {
  const limits = { ...laneLimits }
  for (const name of ['loadMs', 'warmUpMs', 'runMs'] as const) {
    const ms = timeouts[name]
    if (ms === undefined) continue
    if (!(Number.isFinite(ms) && ms > 0)) {
      throw invalid(`timeouts.${name} is out of range`, 'a positive number of milliseconds', ms)
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
  throw invalid(`${name} is out of range`, 'a positive integer', value)
}

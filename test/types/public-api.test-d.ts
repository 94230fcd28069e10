/**
 * The public types, asserted. `npm run check` compiles this file and nothing runs it: a type that changes for users
 * fails here first.
 */
import { assertType, expectTypeOf } from 'vitest'
import {
  type Capacity,
  createRuntime,
  type EmbedOptions,
  type EmbedResult,
  type ErrorCode,
  type Input,
  type Inputs,
  type Manifest,
  type Model,
  type ModelOptions,
  type ModelSession,
  type ModelStorage,
  type NumericData,
  type Placement,
  type Policy,
  type Priority,
  type Progress,
  type RequestOptions,
  type RunOptions,
  type RunResult,
  type Runtime,
  type RuntimeOptions,
  type RuntimeStats,
  type SiteCatalogue,
  SpillwayError,
  type StatsEvent,
  type StoredModel,
  type Tensor,
  type TensorData,
  type TensorType,
  type Timings,
} from '../../web/api/index.ts'
import type { Same } from './same.ts'

declare const runtime: Runtime
declare const model: Model
declare const session: ModelSession
declare const signal: AbortSignal
declare const floats: Float32Array

// Runtime

assertType<Same<Parameters<typeof createRuntime>, [options?: RuntimeOptions | undefined]>>(true)
expectTypeOf(createRuntime).returns.resolves.toEqualTypeOf<Runtime>()
createRuntime()
createRuntime({})
expectTypeOf<Runtime>().toExtend<Disposable>()
expectTypeOf(runtime.models()[0]?.state).toEqualTypeOf<Model['state'] | undefined>()
model.addEventListener('statechange', ({ state }) => assertType<Same<typeof state, Model['state']>>(true))
expectTypeOf(runtime.advise).returns.resolves.toHaveProperty('device')
runtime.model('digits', { backend: 'wasm', variant: 'q8' })
// @ts-expect-error A backend of servers.
runtime.model('digits', { backend: 'cpu' })
// @ts-expect-error A load forces nothing.
model.load({ backend: 'wasm' })
expectTypeOf(model.unload).returns.resolves.toBeVoid()
expectTypeOf<RuntimeOptions['server']>().toEqualTypeOf<string | URL | null | undefined>()
expectTypeOf<RuntimeOptions['models']>().toEqualTypeOf<string | URL | undefined>()
expectTypeOf<RuntimeOptions['policy']>().toEqualTypeOf<Policy | undefined>()
expectTypeOf<RuntimeOptions['maxLanes']>().toEqualTypeOf<number | undefined>()
expectTypeOf<NonNullable<RuntimeOptions['timeouts']>['runMs']>().toEqualTypeOf<number | undefined>()
// @ts-expect-error A policy outside the union.
createRuntime({ policy: 'cloud' })
// @ts-expect-error An option that does not exist.
createRuntime({ threads: 4 })

assertType<Same<Parameters<Runtime['model']>, [source: string, options?: ModelOptions | undefined]>>(true)
expectTypeOf(runtime.model).returns.resolves.toEqualTypeOf<Model>()
expectTypeOf(runtime.catalogue).returns.resolves.toEqualTypeOf<SiteCatalogue>()
expectTypeOf(runtime.capacity).returns.resolves.toEqualTypeOf<Capacity>()
expectTypeOf(runtime.storage).toEqualTypeOf<ModelStorage>()
expectTypeOf(runtime.storage.list).returns.resolves.toEqualTypeOf<StoredModel[]>()
expectTypeOf(runtime.storage.remove).returns.resolves.toEqualTypeOf<number>()
expectTypeOf(runtime.storage.persist).returns.resolves.toEqualTypeOf<boolean>()
expectTypeOf(runtime.stats).returns.toEqualTypeOf<RuntimeStats>()
expectTypeOf(runtime.close).returns.toBeVoid()
expectTypeOf<RuntimeStats['placements'][number]>().toEqualTypeOf<{
  readonly placement: Placement
  readonly requests: number
}>()

runtime.addEventListener('stats', (event) => {
  expectTypeOf(event).toEqualTypeOf<StatsEvent>()
  expectTypeOf(event.stats).toEqualTypeOf<RuntimeStats>()
})
// @ts-expect-error An event that the runtime does not have.
runtime.addEventListener('progress', () => {})

// The policy may be set at any time.
runtime.policy = 'prefer-server'
// @ts-expect-error A policy outside the union.
runtime.policy = 'fastest'

// Model

expectTypeOf<ModelOptions['signal']>().toEqualTypeOf<AbortSignal | undefined>()
expectTypeOf<NonNullable<ModelOptions['onProgress']>>().parameters.toEqualTypeOf<[progress: Progress]>()
expectTypeOf<Progress>().toEqualTypeOf<{
  readonly loadedBytes: number
  readonly totalBytes: number
  readonly storedBytes: number
  readonly bytesPerSecond?: number | undefined
  readonly remainingMs?: number | undefined
  readonly isKept: boolean
}>()

expectTypeOf(model.manifest).toEqualTypeOf<Manifest>()
expectTypeOf(model.queueMs).toBeNumber()
expectTypeOf(model.isSaturated).toBeBoolean()
// @ts-expect-error What a model reports of its queue cannot be set.
model.queueMs = 0
expectTypeOf(model.load).returns.resolves.toBeVoid()
assertType<Same<Parameters<Model['run']>, [inputs: Inputs, options?: RunOptions | undefined]>>(true)
expectTypeOf(model.run).returns.resolves.toEqualTypeOf<RunResult>()
assertType<
  Same<Parameters<Model['embed']>, [texts: string | readonly string[], options?: EmbedOptions | undefined]>
>(true)
expectTypeOf(model.embed).returns.resolves.toEqualTypeOf<EmbedResult>()
expectTypeOf<EmbedResult['placements']>().toEqualTypeOf<readonly Placement[]>()
expectTypeOf<EmbedOptions>().toExtend<RequestOptions>()
model.embed('a fox', { truncate: true })
expectTypeOf(model.createSession).returns.toEqualTypeOf<ModelSession>()
assertType<Same<Parameters<ModelSession['run']>, [inputs: Inputs, options?: RunOptions | undefined]>>(true)
expectTypeOf(session.run).returns.resolves.toEqualTypeOf<RunResult>()
expectTypeOf(session.close).returns.toBeVoid()

expectTypeOf<RequestOptions>().toEqualTypeOf<{
  readonly signal?: AbortSignal
  readonly deadlineMs?: number
  readonly policy?: Policy
  readonly priority?: Priority
}>()
expectTypeOf<RunOptions>().toExtend<RequestOptions>()
expectTypeOf<RunOptions['outputs']>().toEqualTypeOf<readonly string[] | undefined>()
expectTypeOf<Policy>().toEqualTypeOf<'auto' | 'device' | 'server' | 'prefer-device' | 'prefer-server'>()
expectTypeOf<Priority>().toEqualTypeOf<'high' | 'normal' | 'low'>()
model.run({ image: floats }, { signal, deadlineMs: 200, policy: 'device', priority: 'high' })
// Outputs that are asked for by name are there.
expectTypeOf(model.run({ image: floats }, { outputs: ['logits', 'probabilities'] })).resolves.toEqualTypeOf<
  RunResult<'logits' | 'probabilities'>
>()
expectTypeOf<RunResult<'logits'>['outputs']['logits']>().toEqualTypeOf<Tensor>()
const someNames: string[] = []
expectTypeOf(model.run({ image: floats }, { outputs: someNames })).resolves.toEqualTypeOf<RunResult>()
// @ts-expect-error Texts are embedded to vectors, not to outputs by name.
model.embed('a fox', { outputs: ['logits'] })
// @ts-expect-error A priority is a name, not a number.
model.run({ image: floats }, { priority: 1 })

// Inputs

expectTypeOf<Float32Array>().toExtend<Input>()
expectTypeOf<BigInt64Array>().toExtend<Input>()
expectTypeOf<Tensor>().toExtend<Input>()
expectTypeOf<{ data: Uint8Array; shape: number[] }>().toExtend<Input>()
model.run({ image: floats })
model.run({ image: { data: floats, shape: [2, 1, 28, 28] } })
model.run({ city: ['Rome', 'Bern'] })
model.run({})
// @ts-expect-error A plain array says nothing about its type.
model.run({ image: [0, 1, 2] })
// @ts-expect-error A tensor without its shape.
model.run({ image: { data: floats } })
// @ts-expect-error Bytes without a type.
model.run({ image: new ArrayBuffer(8) })
// @ts-expect-error Inputs go by their names.
model.run(floats)

// Results

expectTypeOf<RunResult>().toEqualTypeOf<{
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly placement: Placement
  readonly timings: Timings
}>()
expectTypeOf<Timings>().toEqualTypeOf<{
  readonly totalMs: number
  readonly queueMs: number
  readonly computeMs: number
}>()
expectTypeOf<Tensor>().toEqualTypeOf<{
  readonly type: TensorType
  readonly data: TensorData
  readonly shape: readonly number[]
}>()
expectTypeOf<TensorType>().toEqualTypeOf<
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string'
>()
expectTypeOf<TensorData>().toEqualTypeOf<NumericData | readonly string[]>()
// An output may be absent: its name is the manifest's.
expectTypeOf<RunResult['outputs'][string] | undefined>().toEqualTypeOf<Tensor | undefined>()

expectTypeOf<keyof Placement>().toEqualTypeOf<'tier' | 'backend' | 'variant' | 'reason' | 'explanation'>()
expectTypeOf<Placement['tier']>().toEqualTypeOf<'device' | 'server'>()
expectTypeOf<Placement['backend']>().toEqualTypeOf<'webgpu' | 'wasm' | 'cpu' | 'cuda' | 'unknown'>()
expectTypeOf<Placement['variant']>().toBeString()
expectTypeOf<Placement['explanation']>().toBeString()
expectTypeOf<Exclude<Placement['reason'], 'hedge'>>().toEqualTypeOf<
  | 'policy'
  | 'preferred'
  | 'device-capable'
  | 'device-without-simd'
  | 'device-without-workers'
  | 'variant-missing'
  | 'model-too-large'
  | 'device-failed'
  | 'bridge'
  | 'spill'
  | 'server-unavailable'
>()

// Errors

expectTypeOf<SpillwayError>().toExtend<Error>()
expectTypeOf<SpillwayError['code']>().toEqualTypeOf<ErrorCode>()
expectTypeOf<SpillwayError['detail']['retryAfterMs']>().toEqualTypeOf<number | undefined>()
new SpillwayError('aborted', 'The caller gave up')
// @ts-expect-error A code outside the union.
new SpillwayError('oops', 'The caller gave up')

/** Every code, once: a code that comes, goes or changes its name fails here. */
export function isExhaustive({ code }: SpillwayError): ErrorCode {
  switch (code) {
    case 'model_unknown':
    case 'access_denied':
    case 'unauthenticated':
    case 'input_name_invalid':
    case 'output_name_invalid':
    case 'input_type_invalid':
    case 'input_shape_invalid':
    case 'input_size_invalid':
    case 'input_value_invalid':
    case 'request_malformed':
    case 'body_too_large':
    case 'encoding_unsupported':
    case 'context_exceeded':
    case 'not_supported':
    case 'manifest_invalid':
    case 'file_missing':
    case 'file_truncated':
    case 'file_altered':
    case 'model_invalid':
    case 'run_failed':
    case 'model_output_invalid':
    case 'rows_dependent':
    case 'memory_exhausted':
    case 'capacity_insufficient':
    case 'lane_lost':
    case 'lane_failed':
    case 'poisoned':
    case 'overloaded':
    case 'rate_limited':
    case 'deadline_exceeded':
    case 'server_absent':
    case 'server_unreachable':
    case 'server_timeout':
    case 'server_response_invalid':
    case 'server_draining':
    case 'aborted':
    case 'closed':
    case 'internal':
      return code
    default:
      return code satisfies never
  }
}

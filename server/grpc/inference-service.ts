import type { DescMethodUnary } from '@bufbuild/protobuf'
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect'
import type { Clock } from '../../models/async/clock.ts'
import { type Manifest, SpillwayError } from '../../models/core/index.ts'
import { modelMetadata, queueHeader } from '../../models/protocols/oip.ts'
import { type Catalogue, findModel } from '../inference/catalogue.ts'
import type { Inference } from '../inference/inference.ts'
import { runRequest } from '../inference/run-request.ts'
import { jobOf } from '../offload/job-of.ts'
import type { Offload } from '../offload/offload.ts'
import type { Probes } from '../probes.ts'
import type { RequestLimits } from '../request-limits.ts'
import { serverMetadata } from '../routes/oip/metadata-routes.ts'
import type { CheckedInferRequest } from '../routes/oip/read-infer-request.ts'
import { callKey, type GrpcCall } from './call.ts'
import {
  type EncodedInferRequest,
  EncodedInferRequestSchema,
  EncodedInferResponseSchema,
} from './generated/encoded_infer_pb.ts'
import { GRPCInferenceService } from './generated/open_inference_grpc_pb.ts'
import { readModelInfer } from './read-infer.ts'
import { readTimeout } from './timeout.ts'
import { type InferResponseInit, writeModelInfer } from './write-infer.ts'

export interface InferenceServiceOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly offload: Offload
  readonly probes: Probes
  readonly version: string
  readonly requestLimits: RequestLimits
  readonly clock: Clock
}

const { method: methods } = GRPCInferenceService

/** The same method over the same bytes, whose tensors stay encoded. */
const modelInfer: DescMethodUnary<typeof EncodedInferRequestSchema, typeof EncodedInferResponseSchema> = {
  ...methods.modelInfer,
  input: EncodedInferRequestSchema,
  output: EncodedInferResponseSchema,
}

/** Bytes of elements that are read one by one on the server's own thread: a message would cost more. */
const mostReadHere = 262_144

/** The Open Inference Protocol's methods that ask what there is. */
export const metadataMethods =
  ({ catalogue, inference, probes, version }: InferenceServiceOptions) =>
  (router: ConnectRouter): void => {
    const entryOf = ({ name, version }: { readonly name: string; readonly version: string }) =>
      findModel(catalogue, name, version || undefined)
    router.rpc(methods.serverLive, () => ({ live: holds(probes.checkLive) }))
    router.rpc(methods.serverReady, () => ({ ready: holds(probes.checkReady) }))
    router.rpc(methods.modelReady, (model) => ({ ready: inference.state(entryOf(model)) === 'ready' }))
    // The extensions have methods of their own, which are not here.
    router.rpc(methods.serverMetadata, () => ({ ...serverMetadata(version, []), extensions: [] }))
    router.rpc(methods.modelMetadata, (model) => {
      const { manifest } = entryOf(model)
      const versions = catalogue.versions.get(manifest.id)?.map((entry) => entry.manifest.version)
      return metadataOf(manifest, versions)
    })
  }

/** `ModelInfer`. Its messages are large, and are checked before they are decoded. */
export const inferMethod = (options: InferenceServiceOptions) => (router: ConnectRouter) => {
  router.rpc(modelInfer, (message, context) => infer(options, message, context))
}

async function infer(
  { catalogue, inference, offload, requestLimits, clock }: InferenceServiceOptions,
  message: EncodedInferRequest,
  { signal, values }: HandlerContext,
): Promise<InferResponseInit> {
  const call = values.get(callKey)
  if (!call) throw new SpillwayError('internal', 'A call has no state')
  const askedAt = clock.now()
  const entry = findModel(catalogue, message.modelName, message.modelVersion || undefined)
  call.set('model', entry.manifest.id)
  const left = timeLeft(call, askedAt)
  const caller = call.get('caller')
  const read = (): CheckedInferRequest | Promise<CheckedInferRequest> => {
    const parts = readOneByOne(message, entry.manifest)
    if (parts.reduce((bytes, { length }) => bytes + length, 0) <= mostReadHere)
      return readModelInfer(message, entry.manifest, requestLimits)
    const wait = { signal, caller, askedAt, deadlineMs: left(requestLimits.maxTimeoutMs) }
    const task = { message, manifest: entry.manifest, limits: requestLimits }
    return offload.run('readModelInfer', task, jobOf(wait, parts))
  }
  try {
    const { id, inputs, outputs, deadlineMs, priority } = await read()
    const wait = { signal, askedAt, deadlineMs: left(deadlineMs), priority, caller }
    const answer = await runRequest(call, inference, entry, inputs, wait)
    return writeModelInfer({ model: entry.manifest, id, requested: outputs, answer })
  } finally {
    call.header(queueHeader, inference.queueMs(entry).toFixed(1))
  }
}

/** Shortens a request's own deadline to that of its call, which began to count before the message had arrived. */
function timeLeft(call: GrpcCall, now: number): (deadlineMs: number) => number {
  const timeoutMs = readTimeout(call.req.header('grpc-timeout'))
  if (timeoutMs === undefined) return (deadlineMs) => deadlineMs
  const left = Math.max(0, timeoutMs - (now - call.startedAt))
  return (deadlineMs) => Math.min(deadlineMs, left)
}

/** Elements that are decoded one by one. Raw numbers are only copied. */
const readOneByOne = ({ inputs, rawInputContents: raw }: EncodedInferRequest, manifest: Manifest) =>
  manifest.inputs.some(({ type }) => type === 'string')
    ? [...raw, ...inputs.flatMap(({ contents }) => contents ?? [])]
    : inputs.flatMap(({ contents }) => contents ?? [])

const metadataOf = (manifest: Manifest, versions: readonly string[] | undefined) => {
  const { inputs, outputs, ...metadata } = modelMetadata(manifest, versions)
  const wide = ({ shape, ...tensor }: (typeof inputs)[number]) => ({ ...tensor, shape: shape.map(BigInt) })
  return {
    ...metadata,
    versions: [...metadata.versions],
    inputs: inputs.map(wide),
    outputs: outputs.map(wide),
  }
}

/** Probes throw where the answer is no. */
function holds(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}

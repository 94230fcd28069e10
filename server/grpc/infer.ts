import type { Clock } from '../../models/async/clock.ts'
import type { Manifest } from '../../models/core/index.ts'
import { queueHeader } from '../../models/protocols/oip.ts'
import { turnOptions } from '../auth/turn-options.ts'
import { type Catalogue, findModel } from '../inference/catalogue.ts'
import type { Inference } from '../inference/inference.ts'
import { runRequest } from '../inference/run-request.ts'
import { jobOf } from '../offload/job-of.ts'
import type { Offload } from '../offload/offload.ts'
import type { RequestLimits } from '../request-limits.ts'
import type { CheckedInferRequest } from '../routes/oip/read-infer-request.ts'
import type { GrpcCall } from './call.ts'
import type { EncodedInferRequest } from './generated/encoded_infer_pb.ts'
import { readModelInfer } from './read-infer.ts'
import { readTimeout } from './timeout.ts'
import { type InferResponseInit, writeModelInfer } from './write-infer.ts'

export interface InferOptions {
  readonly catalogue: Catalogue
  readonly inference: Inference
  readonly offload: Offload
  readonly requestLimits: RequestLimits
  readonly clock: Clock
}

/** Bytes of elements that are read one by one on the server's own thread: a message would cost more. */
const mostReadHere = 262_144

/** Runs one request. @param signal Aborted when its client leaves. */
export async function infer(
  { catalogue, inference, offload, requestLimits, clock }: InferOptions,
  call: GrpcCall,
  message: EncodedInferRequest,
  signal: AbortSignal,
): Promise<InferResponseInit> {
  const askedAt = clock.now()
  const entry = findModel(catalogue, message.modelName, message.modelVersion || undefined)
  call.set('model', entry.manifest.id)
  const left = timeLeft(call, askedAt)
  const read = (): CheckedInferRequest | Promise<CheckedInferRequest> => {
    const parts = readOneByOne(message, entry.manifest)
    if (parts.reduce((bytes, { length }) => bytes + length, 0) <= mostReadHere)
      return readModelInfer(message, entry.manifest, requestLimits)
    const wait = { signal, ...turnOptions(call), askedAt, deadlineMs: left(requestLimits.maxTimeoutMs) }
    const task = { message, manifest: entry.manifest, limits: requestLimits }
    return offload.run('readModelInfer', task, jobOf(wait, parts))
  }
  try {
    const { id, inputs, outputs, deadlineMs, priority } = await read()
    const whose = {
      ...turnOptions(call, priority),
      requestId: call.get('requestId'),
      span: call.get('span'),
    }
    const wait = { signal, askedAt, deadlineMs: left(deadlineMs), ...whose }
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
  const left = Math.max(0, timeoutMs - (now - call.deadlineFrom))
  return (deadlineMs) => Math.min(deadlineMs, left)
}

/** Elements that are decoded one by one. Raw numbers are only copied. */
const readOneByOne = ({ inputs, rawInputContents: raw }: EncodedInferRequest, manifest: Manifest) =>
  manifest.inputs.some(({ type }) => type === 'string')
    ? [...raw, ...inputs.flatMap(({ contents }) => contents ?? [])]
    : inputs.flatMap(({ contents }) => contents ?? [])

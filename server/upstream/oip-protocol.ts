import { ServerQueue } from '../../models/async/server-queue.ts'
import { backends, type CheckedInputs, SpillwayError } from '../../models/core/index.ts'
import {
  type InferAnswer,
  milliseconds,
  outputSpecs,
  readAnswer,
  takeOutputs,
  timeoutOf,
  writeBinary,
  writeJson,
} from '../../models/protocols/oip-infer.ts'
import { binaryExtension, queueHeader } from '../../models/protocols/oip-names.ts'
import { requestIdHeader } from '../http/request-log.ts'
import type { InferenceAnswer } from '../inference/inference.ts'
import { type RequestWait, remainingMs } from '../inference/request-wait.ts'
import { traceparentHeader } from '../observability/trace-context.ts'
import type { ReplicaCall } from './call.ts'
import { bySignal, discard, readBytes, upstreamFetch } from './exchange.ts'
import type { Protocol, UpstreamModel } from './upstream.ts'

/** The Open Inference Protocol, as Triton, KServe, OpenVINO Model Server and Spillway speak it. */
export function oipProtocol({ entry, config, clock, headers }: UpstreamModel): Protocol {
  const { manifest } = entry
  const version = config.version === undefined ? '' : `/versions/${encodeURIComponent(config.version)}`
  const path = `v2/models/${encodeURIComponent(config.model ?? manifest.id)}${version}`
  /** Whether a replica takes binary tensors, by its name; absent until it has been asked. */
  const binary = new Map<string, boolean>()
  const queues = new Map<string, ServerQueue>()

  const get = (url: URL, signal: AbortSignal) => upstreamFetch(url, { headers, signal })

  const takesBinary = async ({ url, signal }: Pick<ReplicaCall, 'url' | 'signal'>): Promise<boolean> => {
    const known = binary.get(url.href)
    if (known !== undefined) return known
    const response = await get(new URL('v2', url), signal)
    const metadata = await bySignal(url, signal, () => response.body.json())
    const takes = extensionsIn(metadata).includes(binaryExtension)
    binary.set(url.href, takes)
    return takes
  }

  const infer = async (call: ReplicaCall, { tensors, outputs: names }: CheckedInputs, wait: RequestWait) => {
    const isBinary = await takesBinary(call)
    const leftMs = call.leftMs()
    const body = (isBinary ? writeBinary : writeJson)(tensors, {
      parameters: {
        ...(leftMs !== undefined && { timeout: timeoutOf(leftMs) }),
        ...(isBinary && { binary_data_output: true }),
      },
      ...(names && { outputs: names.map((name) => ({ name })) }),
    })
    const { signal } = call
    const url = new URL(`${path}/infer`, call.url)
    const response = await upstreamFetch(url, {
      method: 'POST',
      headers: { ...headers, ...body.headers, ...requestHeaders(wait, leftMs) },
      body: body.body,
      signal,
    })
    const queue = queues.get(call.name) ?? new ServerQueue(clock)
    queues.set(call.name, queue)
    queue.report(response.headers.get(queueHeader))
    const bytes = await readBytes(response, signal)
    const { parameters, outputs } = readAnswer(url, response, bytes)
    const invalid = (got: string) =>
      new SpillwayError('model_output_invalid', `${call.name} runs another model than ${manifest.id}`, {
        expected: 'the outputs of the manifest',
        got,
      })
    return { parameters, outputs: takeOutputs(outputSpecs(manifest, names), outputs, invalid) }
  }

  return {
    probe: async (url, signal) => {
      await Promise.all(
        ['v2/health/ready', `${path}/ready`].map(async (route) => {
          await discard(await get(new URL(route, url), signal), signal)
        }),
      )
      await takesBinary({ url, signal })
    },
    queueMs: () => {
      const known = [...queues.values()].map(({ ms }) => ms)
      return known.length === 0 ? 0 : Math.min(...known)
    },
    run: async (send, inputs, wait) => {
      const { signal, caller, weight } = wait
      const askedAt = wait.askedAt ?? clock.now()
      const deadlineMs = remainingMs(wait, clock.now())
      return send(
        async (call) => {
          const sentAt = clock.now()
          const { parameters, outputs } = await infer(call, inputs, wait)
          const answeredAt = clock.now()
          const queueMs = sentAt - askedAt + milliseconds(parameters.queue_ms)
          const costMs = Math.max(0, answeredAt - askedAt - queueMs)
          return {
            outputs,
            executedOn: placeOf(parameters),
            queueMs,
            answeredAt,
            computeMs: milliseconds(parameters.compute_ms) || costMs,
            costMs,
            batchRows: inputs.rows,
            replica: call.name,
          } satisfies InferenceAnswer
        },
        { signal, caller, weight, deadlineMs },
      )
    },
  }
}

/** Headers that tell the engine whose request it is and how long it is waited for, in seconds. */
const requestHeaders = (
  { requestId, span }: RequestWait,
  leftMs: number | undefined,
): Record<string, string> => ({
  ...(requestId !== undefined && { [requestIdHeader]: requestId }),
  ...(span && { [traceparentHeader]: span.parent }),
  ...(leftMs !== undefined && { 'request-timeout': (leftMs / 1000).toFixed(3) }),
})

/** A Spillway server says what ran the model. */
const placeOf = ({ backend, variant }: InferAnswer['parameters']) => ({
  backend: backends.find((known) => known === backend) ?? ('unknown' as const),
  variant: typeof variant === 'string' ? variant : 'unknown',
})

const extensionsIn = (metadata: unknown): readonly unknown[] =>
  typeof metadata === 'object' &&
  metadata !== null &&
  'extensions' in metadata &&
  Array.isArray(metadata.extensions)
    ? metadata.extensions
    : []

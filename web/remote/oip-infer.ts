import type { Clock } from '../../models/async/clock.ts'
import { type Backend, backends, type Manifest, type Tensor } from '../../models/core/index.ts'
import {
  invalidResponse,
  milliseconds,
  outputSpecs,
  readAnswer,
  takeOutputs,
  timeoutOf,
  writeBinary,
  writeJson,
} from '../../models/protocols/oip-infer.ts'
import { requestBytes } from './request.ts'
import type { RequestHeaders } from './request-headers.ts'

export interface InferOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Bounds the whole exchange. */
  readonly timeoutMs: number
  /** Milliseconds for which the answer is awaited. The server gets them as the protocol's `timeout`. */
  readonly withinMs: number
  /** Whether the server is known to take binary tensors. */
  readonly binary: boolean
  /** Names of the outputs to ask for; undefined for all. */
  readonly outputs: readonly string[] | undefined
  readonly pageHeaders: RequestHeaders
  readonly onHeaders: (headers: Headers) => void
}

export interface Inferred {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly backend: Backend | 'unknown'
  readonly variant: string
  readonly queueMs: number
  readonly computeMs: number
}

/**
 * Runs a model on any server that speaks the Open Inference Protocol.
 *
 * @throws SpillwayError As `requestBytes`; `server_response_invalid` for outputs that are not the manifest's; and, in
 * JSON, `not_supported` for half floats.
 */
export async function infer(
  server: URL,
  manifest: Manifest,
  inputs: Readonly<Record<string, Tensor>>,
  { clock, signal, timeoutMs, withinMs, binary, outputs: names, pageHeaders, onHeaders }: InferOptions,
): Promise<Inferred> {
  const url = new URL(`v2/models/${manifest.id}/versions/${manifest.version}/infer`, server)
  const written = (binary ? writeBinary : writeJson)(inputs, {
    parameters: {
      timeout: timeoutOf(withinMs),
      ...((binary || isSameOrigin(server)) && { binary_data_output: true }),
    },
    ...(names && { outputs: names.map((name) => ({ name })) }),
  })
  const response = await requestBytes(url, {
    clock,
    signal,
    timeoutMs,
    pageHeaders,
    onHeaders,
    method: 'POST',
    ...written,
  })
  const { parameters, outputs } = readAnswer(url, { status: 200, headers: response.headers }, response.bytes)
  return {
    outputs: takeOutputs(outputSpecs(manifest, names), outputs, (got) => invalidResponse(url, got)),
    backend: backends.find((backend) => backend === parameters.backend) ?? 'unknown',
    variant: typeof parameters.variant === 'string' ? parameters.variant : 'unknown',
    queueMs: milliseconds(parameters.queue_ms),
    computeMs: milliseconds(parameters.compute_ms),
  }
}

/**
 * A server of the page's own origin is asked for binary outputs before it is known to have them: without the extension
 * it answers in JSON. A server of another origin may send them and hide the header that says where they begin.
 */
const isSameOrigin = (server: URL) => server.origin === globalThis.location?.origin

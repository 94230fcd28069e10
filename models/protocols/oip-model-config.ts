/**
 * The model configuration extension: a model in the form of Triton's `config.pbtxt`, as JSON.
 * Source: https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
 */
import * as z from 'zod/mini'
import { batchAxisOf } from '../core/axes.ts'
import type { Manifest } from '../core/manifest.ts'
import type { TensorSpec } from '../core/tensor-spec.ts'
import { datatypeOf } from './oip.ts'

/** The extension's name in the server's metadata. */
export const modelConfigurationExtension = 'model_configuration'

const tensor = z.object({
  name: z.string(),
  data_type: z.string(),
  /** Without the axis of the batch where `max_batch_size` is not 0. */
  dims: z.array(z.int()),
})

/** The answer to `GET /v2/models/{name}/config`. */
export const modelConfiguration = z.object({
  name: z.string(),
  platform: z.string(),
  backend: z.string(),
  version_policy: z.object({ all: z.object({}) }),
  /** The most rows of a run; 0 where rows of several requests share none. */
  max_batch_size: z.int(),
  input: z.array(z.extend(tensor, { optional: z.boolean() })),
  output: z.array(tensor),
  dynamic_batching: z.optional(
    z.object({
      preferred_batch_size: z.array(z.int()),
      max_queue_delay_microseconds: z.int(),
    }),
  ),
})
export type ModelConfiguration = z.infer<typeof modelConfiguration>

/**
 * A manifest in the words of Triton's configuration. A model with tensors that have no rows, or have them along another
 * axis, is described without a batch, which Triton has along the first axis of all: clients then send whole shapes.
 *
 * @param mostRows The most rows of a run where the manifest does not say.
 */
export function configurationOf(manifest: Manifest, mostRows: number): ModelConfiguration {
  const { id, batching, batchAxis, inputs, outputs } = manifest
  const isBatched =
    batchAxis === 0 && [...inputs, ...outputs].every((spec) => batchAxisOf(manifest, spec) === 0)
  const describe = ({ name, type, shape }: TensorSpec) => ({
    name,
    data_type: `TYPE_${type === 'string' ? 'STRING' : datatypeOf(type)}`,
    dims: isBatched ? (shape ?? []).slice(1) : [...(shape ?? [-1])],
  })
  return {
    name: id,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    version_policy: { all: {} },
    max_batch_size: isBatched ? (batching?.maxRows ?? mostRows) : 0,
    input: inputs.map((spec) => ({ ...describe(spec), optional: spec.default !== undefined })),
    output: outputs.map(describe),
    ...(isBatched && {
      dynamic_batching: {
        preferred_batch_size: [...(batching?.preferredRows ?? [])],
        max_queue_delay_microseconds: Math.round(1000 * (batching?.maxDelayMs ?? 0)),
      },
    }),
  }
}

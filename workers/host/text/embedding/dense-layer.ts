import * as z from 'zod/mini'
import { SpillwayError, schemaError, showShape } from '../../../../models/core/index.ts'
import type { EmbeddingSpec } from '../../../../models/core/language.ts'
import { countOf } from '../../../../models/core/wording.ts'

/** A layer that a text's vector goes through after pooling: a matrix, a bias and an activation. */
export type DenseLayer = (vector: Float32Array) => Float32Array<ArrayBuffer>

type DenseSpec = NonNullable<EmbeddingSpec['dense']>[number]

const count = z.int().check(z.nonnegative())
const header = z.record(
  z.string(),
  z.looseObject({
    dtype: z.optional(z.string()),
    shape: z.optional(z.array(count)),
    data_offsets: z.optional(z.array(count).check(z.minLength(2), z.maxLength(2))),
  }),
)

const activations: Readonly<Record<DenseSpec['activation'], (value: number) => number>> = {
  identity: (value) => value,
  tanh: Math.tanh,
  relu: (value) => Math.max(0, value),
}

/**
 * Reads a module `Dense` of sentence-transformers.
 *
 * @param bytes A safetensors file: https://github.com/huggingface/safetensors#format.
 * @throws SpillwayError `model_invalid`, or `not_supported` for weights that are not float32.
 */
export function readDenseLayer(
  bytes: Uint8Array,
  { file: { path }, inputs, outputs, bias, activation }: DenseSpec,
): DenseLayer {
  const tensors = readTensors(bytes, path)
  const weight = tensors('linear.weight', [outputs, inputs])
  const offsets = bias ? tensors('linear.bias', [outputs]) : new Float32Array(outputs)
  const activate = activations[activation]
  return (vector) => {
    if (vector.length !== inputs) {
      throw new SpillwayError('model_output_invalid', `The layer ${path} does not fit the model's vectors`, {
        expected: countOf(inputs, 'number'),
        got: `${vector.length}`,
      })
    }
    const result = new Float32Array(outputs)
    for (let row = 0; row < outputs; row++) {
      let sum = offsets[row] ?? 0
      const from = row * inputs
      for (let column = 0; column < inputs; column++)
        sum += (weight[from + column] ?? 0) * (vector[column] ?? 0)
      result[row] = activate(sum)
    }
    return result
  }
}

function readTensors(bytes: Uint8Array, path: string) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = bytes.length < 8 ? Number.NaN : Number(view.getBigUint64(0, true))
  const start = 8 + length
  if (!(start <= bytes.length)) throw new SpillwayError('model_invalid', `${path} is not a safetensors file`)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)))
  } catch (cause) {
    throw SpillwayError.from(cause, 'model_invalid', `The header of ${path} is not JSON`)
  }
  const parsed = z.safeParse(header, value)
  if (!parsed.success) throw schemaError('model_invalid', `The header of ${path}`, parsed.error, value)
  const entries = parsed.data

  return (name: string, expected: readonly number[]): Float32Array => {
    const { dtype, shape = [], data_offsets: [from = 0, to = 0] = [] } = entries[name] ?? {}
    if (dtype !== 'F32') {
      throw new SpillwayError(
        dtype ? 'not_supported' : 'model_invalid',
        `${path} lacks "${name}" as float32`,
        {
          expected: 'F32',
          got: dtype ?? 'no such tensor',
        },
      )
    }
    const size = expected.reduce((product, side) => product * side, 4)
    if (showShape(shape) !== showShape(expected) || to - from !== size || start + to > bytes.length) {
      throw new SpillwayError('model_invalid', `"${name}" of ${path} has another size`, {
        expected: `${showShape(expected)}, ${size} bytes`,
        got: `${showShape(shape)}, ${to - from} bytes`,
      })
    }
    // Copied: the data of a file need not lie at a multiple of four.
    return new Float32Array(bytes.slice(start + from, start + to).buffer)
  }
}

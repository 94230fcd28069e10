import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { SpillwayError } from '../../../core/error.ts'
import { schemaError } from '../../../core/schema-error.ts'
import { malformed } from '../../errors.ts'
import { DataType } from '../../onnx/data-type.ts'
import { readExternal } from '../../onnx/external.ts'
import { type Weight, weightBytes } from '../../onnx/weight.ts'

const types = new Map([
  ['F64', DataType.DOUBLE],
  ['F32', DataType.FLOAT],
  ['F16', DataType.FLOAT16],
  ['BF16', DataType.BFLOAT16],
])

/** The bound in the format's reference implementation. */
const largestHeader = 100_000_000

const count = z.int().check(z.nonnegative())
const tensor = z.object({
  dtype: z.string(),
  shape: z.array(count).check(z.maxLength(8)),
  data_offsets: z.tuple([count, count]),
})
const header = z.record(z.string(), z.unknown())
const index = z.object({ weight_map: z.record(z.string(), z.string()) })

/** The tensors of a checkpoint. Each is read from its file when it is asked for. */
export type TensorMap = ReadonlyMap<string, Weight>

/**
 * Reads one safetensors file, or all files of an index.
 * @throws SpillwayError `model_invalid`, `file_missing`, `file_truncated` or `not_supported`.
 */
export function readSafetensors(path: string): TensorMap {
  if (!path.endsWith('.json')) return readFile(path)
  const { weight_map } = parse(index, parseJson(readFileSync(path, 'utf8'), path), path)
  const files = new Set(Object.values(weight_map))
  const outside = [...files].find((file) => file !== basename(file))
  if (outside !== undefined) throw malformed(`${path} names a file outside of its folder`, { got: outside })
  const shards = new Map([...files].map((file) => [file, readFile(join(dirname(path), file))]))
  return new Map(
    Object.entries(weight_map).map(([name, file]) => {
      const weight = shards.get(file)?.get(name)
      if (!weight)
        throw malformed(`${file} does not hold the tensor "${name}"`, { hint: `${path} says it does.` })
      return [name, weight]
    }),
  )
}

function readFile(path: string): TensorMap {
  const { size, text, end } = readHeader(path)
  const tensors = new Map<string, Weight>()
  for (const [name, value] of Object.entries(parse(header, parseJson(text, path), path))) {
    if (name === '__metadata__') continue
    const { dtype, shape, data_offsets } = parse(tensor, value, `${path}, tensor "${name}",`)
    const [from, to] = data_offsets
    const type = types.get(dtype)
    if (type === undefined) {
      throw new SpillwayError('not_supported', `The tensor "${name}" of ${path} is not of floats`, {
        expected: [...types.keys()].join(', '),
        got: dtype,
        hint: 'Import the model before it was quantized.',
      })
    }
    const length = weightBytes({ type, dims: shape })
    if (to - from !== length || end + to > size) {
      throw new SpillwayError(
        end + to > size ? 'file_truncated' : 'model_invalid',
        `The data of "${name}" is incomplete in ${path}`,
        { expected: `${length} bytes`, got: `${to - from}` },
      )
    }
    const read = () => readExternal({ path, offset: end + from, length })
    tensors.set(name, { name, type, dims: shape, file: path, bytes: read })
  }
  return tensors
}

/** Reads a file's size and header, and where its data begins. */
function readHeader(path: string): { readonly size: number; readonly text: string; readonly end: number } {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw SpillwayError.from(cause, 'file_missing', `${path} cannot be read`)
  }
  try {
    const { size } = fstatSync(file)
    const start = Buffer.alloc(8)
    readSync(file, start, 0, 8, 0)
    const length = Number(start.readBigUInt64LE())
    if (size < 8 || length > Math.min(largestHeader, size - 8)) {
      throw malformed(`${path} is not a safetensors file`, {
        expected: `a header within its ${size} bytes`,
        got: `a header of ${length} bytes`,
      })
    }
    const text = Buffer.alloc(length)
    readSync(file, text, 0, length, 8)
    return { size, text: text.toString('utf8'), end: 8 + length }
  } finally {
    closeSync(file)
  }
}

export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw SpillwayError.from(cause, 'model_invalid', `${path} is not JSON`)
  }
}

export function parse<T>(schema: z.ZodMiniType<T>, value: unknown, what: string): T {
  const result = z.safeParse(schema, value)
  if (result.success) return result.data
  throw schemaError('model_invalid', what, result.error, value)
}

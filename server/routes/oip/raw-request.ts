import { type Manifest, SpillwayError, type Tensor } from '../../../models/core/index.ts'
import { byteLength, elementCount, type NumericType, showShape } from '../../../models/core/tensor.ts'
import { datatypeOf } from '../../../models/protocols/oip.ts'
import { BinaryReader } from '../../../models/protocols/oip-binary.ts'
import { decodeText } from '../../../models/protocols/oip-strings.ts'

/**
 * The inputs of a raw binary request: its body is the bytes of the model's one input, whose shape follows from their
 * number. A string is the whole body, without its length before it. Source: Triton's binary tensor extension.
 *
 * @throws SpillwayError `not_supported` for a model with more inputs or open sizes, `input_size_invalid`,
 * `input_value_invalid`.
 */
export function readRawInputs(manifest: Manifest, bytes: Uint8Array): Record<string, Tensor> {
  const [spec, ...others] = manifest.inputs
  if (!spec || others.length > 0) {
    throw new SpillwayError('not_supported', `${manifest.id} takes no raw binary request`, {
      expected: 'a model of one input',
      got: `${manifest.inputs.length} inputs`,
      hint: 'Send a JSON part with the names and shapes of the inputs.',
    })
  }
  const { name, type, shape } = spec
  if (shape === null) throw openShape(manifest, shape)
  if (type === 'string') {
    const sizes = closeOpen(shape, 1)
    if (elementCount(sizes) !== 1) throw openShape(manifest, shape)
    return { [name]: { type, data: [decodeText(name, bytes, 0)], shape: sizes } }
  }
  const sizes = sizesOf(manifest, type, shape, bytes.length)
  const wire = { name, datatype: datatypeOf(type), shape: sizes }
  return {
    [name]: new BinaryReader(bytes, true).read({ ...wire, parameters: { binary_data_size: bytes.length } }),
  }
}

/** At most one open size can follow from the number of bytes; where there are two, the batch is one row. */
function sizesOf(manifest: Manifest, type: NumericType, shape: readonly number[], bytes: number): number[] {
  const sizes =
    shape.filter(isOpen).length > 1
      ? shape.map((size, axis) => (axis === manifest.batchAxis ? 1 : size))
      : shape
  if (sizes.filter(isOpen).length > 1) throw openShape(manifest, shape)
  return closeOpen(sizes, Math.floor(bytes / Math.max(byteLength(type, closeOpen(sizes, 1)), 1)))
}

const isOpen = (size: number) => size === -1

const closeOpen = (shape: readonly number[], to: number) => shape.map((size) => (isOpen(size) ? to : size))

const openShape = ({ id }: Manifest, shape: readonly number[] | null) =>
  new SpillwayError('not_supported', `${id} takes no raw binary request`, {
    expected: 'an input with at most one open size besides the batch, or of one string',
    got: shape === null ? 'an input of any shape' : showShape(shape),
    hint: 'Send a JSON part with the shape of the input.',
  })

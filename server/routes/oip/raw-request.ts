import { type Manifest, SpillwayError, type Tensor } from '../../../models/core/index.ts'
import { byteLength, showShape } from '../../../models/core/tensor.ts'
import type { TensorSpec } from '../../../models/core/tensor-spec.ts'
import { datatypeOf } from '../../../models/protocols/oip.ts'
import { BinaryReader } from '../../../models/protocols/oip-binary.ts'

/**
 * The inputs of a raw binary request: its body is the bytes of the model's one input, whose shape follows from their
 * number. Source: Triton's binary tensor extension.
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
  const shape = shapeOf(manifest, spec, bytes.length)
  const datatype = datatypeOf(spec.type)
  const reader = new BinaryReader(bytes)
  const parameters = { binary_data_size: bytes.length }
  return { [spec.name]: reader.read({ name: spec.name, datatype, shape, parameters }) }
}

/** At most one open size can follow from the number of bytes; where there are two, the batch is one row. */
function shapeOf({ id, batchAxis }: Manifest, { type, shape }: TensorSpec, bytes: number): number[] {
  const isOpen = (size: number) => size === -1
  const sizes =
    shape.filter(isOpen).length > 1 ? shape.map((size, axis) => (axis === batchAxis ? 1 : size)) : shape
  if (sizes.filter(isOpen).length > 1) {
    throw new SpillwayError('not_supported', `${id} takes no raw binary request`, {
      expected: 'an input with at most one open size besides the batch',
      got: showShape(shape),
      hint: 'Send a JSON part with the shape of the input.',
    })
  }
  const unit = byteLength(
    type,
    sizes.map((size) => (isOpen(size) ? 1 : size)),
  )
  return sizes.map((size) => (isOpen(size) ? Math.floor(bytes / Math.max(unit, 1)) : size))
}

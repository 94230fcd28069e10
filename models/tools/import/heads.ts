import { SpillwayError } from '../../core/error.ts'
import { DataType } from '../onnx/data-type.ts'
import { floatsOf } from '../onnx/values.ts'
import { type Weight, weightFrom } from '../onnx/weight.ts'
import type { Layer, ModelShape, Projection } from './checkpoint.ts'

/** ONNX Runtime's attention requires head sizes that are multiples of this. */
const multiple = 16

/** The head size in the graph. */
export const storedHeadSize = ({ headSize }: Pick<ModelShape, 'headSize'>): number =>
  Math.ceil(headSize / multiple) * multiple

/** The layer with its heads padded with zeros to a size that attention accepts. */
export function withStoredHeads(layer: Layer, shape: ModelShape): Layer {
  const { headSize } = shape
  const stored = storedHeadSize(shape)
  if (stored === headSize) return layer
  if (layer.queryNorm || layer.keyNorm) {
    throw new SpillwayError('not_supported', 'Normalised heads of this size are not supported', {
      expected: `a multiple of ${multiple}`,
      got: `${headSize}`,
    })
  }
  const rows = ({ weight, bias }: Projection, heads: StoredHeads): Projection => ({
    weight: spreadHeads(weight, 0, heads),
    bias: bias && spreadHeads(bias, 0, heads),
  })
  const rotated: StoredHeads = { headSize, stored, isRotated: true }
  const plain: StoredHeads = { headSize, stored, isRotated: false }
  return {
    ...layer,
    query: rows(layer.query, rotated),
    key: rows(layer.key, rotated),
    value: rows(layer.value, plain),
    output: { ...layer.output, weight: spreadHeads(layer.output.weight, 1, plain) },
  }
}

/** Heads as a checkpoint has them, and padded with zeros as a graph has them. */
export interface StoredHeads {
  readonly headSize: number
  /** The size in the graph. */
  readonly stored: number
  /** Whether they are rotated: their pairs stay half a head apart. */
  readonly isRotated: boolean
}

/** A matrix with the heads along one of its axes padded with zeros. */
export function spreadHeads(weight: Weight, axis: 0 | 1, heads: StoredHeads): Weight {
  const { headSize, stored } = heads
  const size = weight.dims[axis] ?? 0
  const dims = weight.dims.map((one, index) => (index === axis ? (size / headSize) * stored : one))
  const inner = axis === 0 ? (weight.dims[1] ?? 1) : 1
  const outer = axis === 0 ? 1 : (weight.dims[0] ?? 1)
  return weightFrom(weight.name, DataType.FLOAT, dims, () => {
    const from = floatsOf(weight)
    const width = dims[axis] ?? 0
    const to = new Float32Array(outer * width * inner)
    for (let row = 0; row < outer; row++) {
      for (let at = 0; at < width; at++) {
        const source = sourceOf(at % stored, heads)
        if (source === undefined) continue
        const start = (row * size + Math.floor(at / stored) * headSize + source) * inner
        to.set(from.subarray(start, start + inner), (row * width + at) * inner)
      }
    }
    return to
  })
}

/** The position in a head that is padded to one of the stored head; undefined: zero. */
function sourceOf(at: number, { headSize, stored, isRotated }: StoredHeads): number | undefined {
  if (!isRotated) return at < headSize ? at : undefined
  const pair = at % (stored / 2)
  if (pair >= headSize / 2) return undefined
  return at < stored / 2 ? pair : pair + headSize / 2
}

import { bitsOf, bytesOf, type DataType, nameOf } from './data-type.ts'
import { countOf } from './dims.ts'

/** A tensor that a model holds. Its elements come into memory when they are asked for, one tensor at a time. */
export interface Weight {
  readonly name: string
  readonly type: DataType
  readonly dims: readonly number[]
  /** The file beside the model that holds the elements; nothing where the model does. */
  readonly file?: string
  /** The elements as ONNX's `raw_data` holds them: little-endian, row-major. Not to be written to. */
  bytes(): Uint8Array
}

export const weightCount = ({ dims }: Pick<Weight, 'dims'>): number => countOf(dims)

export const weightBytes = ({ type, dims }: Pick<Weight, 'type' | 'dims'>): number =>
  bytesOf(type, countOf(dims))

export const showWeight = ({ type, dims }: Pick<Weight, 'type' | 'dims'>): string =>
  `${nameOf(type)} [${dims.join(', ')}]`

export const isFixedSize = (type: number): boolean => bitsOf(type) !== undefined

import * as z from 'zod/mini'
import { type TensorType, tensorTypes } from './tensor.ts'

const size = z.int().check(z.nonnegative())
const axis = z.int().check(z.minimum(0), z.maximum(7))

/** Schema of an input or an output of a model. */
export const tensorSpec = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(256)),
  type: z.enum(tensorTypes),
  shape: z.nullable(z.array(z.union([z.literal(-1), size])).check(z.maxLength(8))),
  batchAxis: z.optional(z.nullable(axis)),
  pad: z.optional(z.strictObject({ axis, value: z.number() })),
  default: z.optional(z.number()),
  description: z.optional(z.string()),
})

/** Schema of a session's state: `output` of one run is `input` of the next; the first run gets zeros. */
export const stateSpec = z.strictObject({ input: z.string(), output: z.string() })

/** An input or an output of a model. */
export interface TensorSpec {
  name: string
  type: TensorType
  /** One number per dimension; −1 stands for any size, also 0. Null: any number of dimensions. */
  shape: number[] | null
  /**
   * The batch axis of this tensor, where it differs from the model's. Null: the tensor has no rows, and only requests
   * with equal values share a run.
   */
  batchAxis?: number | null | undefined
  /**
   * Rows of different lengths along this axis may share a run: inputs are padded with `value`, outputs are cut back.
   * Allowed only where the result of a row does not depend on its padding.
   */
  pad?: { axis: number; value: number } | undefined
  /** The value of every element of an input that the caller leaves out. */
  default?: number | undefined
  description?: string | undefined
}
/** A pair of an input and an output that a session carries from run to run. */
export interface StateSpec {
  input: string
  output: string
}

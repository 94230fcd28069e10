import * as z from 'zod/mini'
import { tensorTypes } from './tensor.ts'

const positive = z.int().check(z.positive())
const axis = z.int().check(z.minimum(0), z.maximum(7))

/** One input or output of a model. */
export const tensorSpec = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(256)),
  type: z.enum(tensorTypes),
  /** One number per dimension; −1 where any size of at least one fits. */
  shape: z.array(z.union([z.literal(-1), positive])).check(z.maxLength(8)),
  /**
   * The axis along which this tensor holds its rows, where that is another than the model's `batchAxis`;
   * null: it holds none, and requests share a run where it is equal.
   */
  batchAxis: z.optional(z.nullable(axis)),
  /**
   * Rows of different lengths along this axis may share a run: inputs are filled up with `value`, outputs cut back.
   * Only where the graph's answer for a row does not depend on its filling.
   */
  pad: z.optional(z.strictObject({ axis, value: z.number() })),
  /** What every element of an input is where the caller does not give it. */
  default: z.optional(z.number()),
  description: z.optional(z.string()),
})

/** What a session keeps from one run to the next: what came out as `output` goes in as `input`, zeros at first. */
export const stateSpec = z.strictObject({ input: z.string(), output: z.string() })

/** An input or an output of a model, as its manifest says. */
export type TensorSpec = z.infer<typeof tensorSpec>
/** An input that a session keeps, and the output that it is kept from. */
export type StateSpec = z.infer<typeof stateSpec>

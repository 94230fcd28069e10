/** The bodies of the Open Inference Protocol v2, as schemas. */
import * as z from 'zod/mini'
import { type Elements, isElements } from './oip-elements.ts'

/** KServe's own client writes null for an absent member. */
const nullish = <T extends z.core.SomeType>(schema: T) => z.optional(z.nullable(schema))

const parameters = nullish(z.record(z.string(), z.nullable(z.union([z.string(), z.number(), z.boolean()]))))

const wireTensor = z.object({
  name: z.string(),
  shape: z.array(z.int().check(z.nonnegative())),
  datatype: z.string(),
  parameters,
  // Elements are checked while they are copied: a schema per element would cost more than the run.
  // Absent where the elements follow the JSON part.
  data: nullish(z.custom<Elements>(isElements, 'an array')),
})

/** The body of an inference request. */
export const inferRequest = z.object({
  id: nullish(z.string()),
  parameters,
  inputs: z.array(wireTensor),
  outputs: nullish(z.array(z.object({ name: z.string(), parameters }))),
})

/** The body of an inference response. */
export const inferResponse = z.object({
  model_name: z.string(),
  model_version: nullish(z.string()),
  id: nullish(z.string()),
  parameters,
  outputs: z.array(wireTensor),
})

/** A tensor in a body. */
export type WireTensor = z.infer<typeof wireTensor>
/** See `inferRequest`. */
export type InferRequest = z.infer<typeof inferRequest>
/** See `inferResponse`. */
export type InferResponse = z.infer<typeof inferResponse>

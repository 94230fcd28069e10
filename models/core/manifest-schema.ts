import * as z from 'zod/mini'
import { hasValidBatchAxes, hasValidDefaults, hasValidPads, hasValidStates } from './axes.ts'
import { fileSpec } from './file-spec.ts'
import { embedding, generation, modelId as name } from './language.ts'
import { type Manifest, precisions, tasks } from './manifest.ts'
import { backends } from './placement.ts'
import { schemaError } from './schema-error.ts'
import { stateSpec, tensorSpec } from './tensor-spec.ts'

const positive = z.int().check(z.positive())

/** Schema of a variant. */
export const variantSchema = z.strictObject({
  id: name,
  precision: z.enum(precisions),
  backends: z.optional(z.array(z.enum(backends)).check(z.minLength(1))),
  files: z.array(fileSpec).check(z.minLength(1)),
  memory: positive,
  kvType: z.optional(z.enum(['float32', 'float16'])),
})

/** Schema of a manifest. */
export const manifestSchema = z
  .strictObject({
    schema: z.literal(1),
    id: name,
    version: name,
    title: z.string().check(z.minLength(1)),
    description: z.string(),
    license: z.string(),
    task: z.enum(tasks),
    inputs: z.array(tensorSpec),
    outputs: z.array(tensorSpec),
    batchAxis: z.nullable(z.literal(0)),
    state: z.optional(z.array(stateSpec).check(z.minLength(1))),
    batching: z.optional(
      z.strictObject({
        maxRows: z.optional(positive),
        preferredRows: z.optional(z.array(positive)),
        maxDelayMs: z.optional(z.number().check(z.nonnegative())),
        evidence: z.optional(z.enum(['proven', 'accepted'])),
      }),
    ),
    tokenizer: z.optional(z.array(fileSpec).check(z.minLength(1))),
    generation: z.optional(generation),
    embedding: z.optional(embedding),
    labels: z.optional(z.array(z.string())),
    tolerance: z.optional(z.number().check(z.nonnegative())),
    variants: z.array(variantSchema),
    access: z.optional(z.enum(['public', 'key'])),
  })
  .check(
    z.refine(hasValidBatchAxes, {
      error: 'an input at least, and a shape of every input and output that has −1 at the batch axis',
      path: ['batchAxis'],
    }),
    z.refine(hasValidPads, {
      error:
        'a pad axis that is −1 in the shape and not the batch axis, and a pad value that the type can hold',
      path: ['inputs'],
    }),
    z.refine(hasValidDefaults, {
      error: 'a default, of its type, only for an input whose shape is fixed but for the batch',
      path: ['inputs'],
    }),
    z.refine(hasValidStates, {
      error: 'states that pair one input and one output of the same type and fixed shape, none of them twice',
      path: ['state'],
    }),
    z.refine(({ outputs, variants }) => outputs.length > 0 || variants.length === 0, {
      error: 'an output at least',
      path: ['outputs'],
    }),
    z.refine(hasGenerationForTask, {
      error: 'settings of generation for the task text-generation, and none for another task',
      path: ['generation'],
    }),
    z.refine(({ task, embedding }) => embedding === undefined || task === 'feature-extraction', {
      error: 'settings of embedding for the task feature-extraction only',
      path: ['embedding'],
    }),
  )

/**
 * Checks a manifest.
 *
 * @param from Its source, for the error's message.
 * @throws SpillwayError `manifest_invalid`, naming the first invalid field.
 */
export function parseManifest(value: unknown, from: string): Manifest {
  const result = z.safeParse(manifestSchema, value)
  if (result.success) return result.data
  throw schemaError('manifest_invalid', `The manifest from ${from}`, result.error, value, {
    hint: 'See models/README.md for the schema.',
  })
}

/** An engine that writes the texts for a server knows their settings itself. */
function hasGenerationForTask({
  task,
  generation,
  variants,
}: Pick<Manifest, 'task' | 'generation' | 'variants'>) {
  const isForTexts = task === 'text-generation'
  return isForTexts === (generation !== undefined) || (isForTexts && variants.length === 0)
}

import * as z from 'zod/mini'
import { hasValidBatchAxes, hasValidDefaults, hasValidPads, hasValidStates } from './axes.ts'
import { type FileSpec, fileSpec } from './file-spec.ts'
import { embedding, generation } from './language.ts'
import { backends } from './placement.ts'
import { schemaError } from './schema-error.ts'
import { stateSpec, tensorSpec } from './tensor-spec.ts'

const name = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/))
const positive = z.int().check(z.positive())

const variant = z.strictObject({
  id: name,
  precision: z.enum(['fp32', 'fp16', 'q8', 'q4', 'q4f16', 'bnb4']),
  /** The only backends that run this variant. Default: all. */
  backends: z.optional(z.array(z.enum(backends)).check(z.minLength(1))),
  /** The ONNX graph first, then its external data files. */
  files: z.array(fileSpec).check(z.minLength(1)),
  /** Bytes that a lane needs to load and run it at batch 1: weights, activations and the runtime's copies. */
  memory: positive,
  /** Element type of a language model's KV cache. Default: `float32`. */
  kvType: z.optional(z.enum(['float32', 'float16'])),
})

/** The tasks that a model may have; `tensor` is any other. */
export const tasks = [
  'text-generation',
  'feature-extraction',
  'text-classification',
  'image-classification',
  'tensor',
] as const

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
    /** Empty for a model that takes none. */
    inputs: z.array(tensorSpec),
    /** Empty only where there are no variants. */
    outputs: z.array(tensorSpec),
    /** The axis along which rows of several requests may share a run; null where the graph fixes the batch. */
    batchAxis: z.nullable(z.literal(0)),
    /** Tensors that a session (`model.createSession()`) keeps between its runs. */
    state: z.optional(z.array(stateSpec).check(z.minLength(1))),
    /** Settings of batching for a model with a batch axis, as in Triton's dynamic batcher. */
    batching: z.optional(
      z.strictObject({
        /** Maximum rows of one run. */
        maxRows: z.optional(positive),
        /** Batch sizes that the model runs best at: a batch is filled up to the largest of them that it reaches. */
        preferredRows: z.optional(z.array(positive)),
        /** Milliseconds that a request may wait for others to share its batch while a lane is idle. Default: 0. */
        maxDelayMs: z.optional(z.number().check(z.nonnegative())),
        /**
         * Why rows of several requests may share a run. `proven`: runs of rows alone and together gave the same outputs, as
         * `spillway manifest` checks. `accepted`: the author accepts that rows influence each other, as in models that round
         * by the range of a whole batch. Absent: each lane proves it when it loads the model, and shares no run otherwise.
         */
        evidence: z.optional(z.enum(['proven', 'accepted'])),
      }),
    ),
    /** The tokenizer's files under their names on the hub: `tokenizer.json` and its companions. */
    tokenizer: z.optional(z.array(fileSpec).check(z.minLength(1))),
    /** For `text-generation`: required where there are variants. */
    generation: z.optional(generation),
    /** For `feature-extraction` of texts. */
    embedding: z.optional(embedding),
    /** Names of the positions along the last axis of the first output. */
    labels: z.optional(z.array(z.string())),
    /** The largest absolute difference between backends on the same input. Default: `defaultTolerance`. */
    tolerance: z.optional(z.number().check(z.nonnegative())),
    /** Empty for a model that devices and servers do not run themselves: an upstream of the server runs it. */
    variants: z.array(variant),
    /** Who may read the model's files from a server. `key`: callers with a key or a page's token. Default: `public`. */
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

export type { FileSpec }
/** One set of files of a model, for one precision. */
export type Variant = z.infer<typeof variant>
/** One of `tasks`. */
export type Task = (typeof tasks)[number]
/** What a model is: enough to check a request, to place it, and to fetch and verify its files. */
// An interface, so that editors and the API reference name it in place of all its fields.
export interface Manifest extends z.infer<typeof manifestSchema> {}

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

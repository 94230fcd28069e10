import * as z from 'zod/mini'
import { batchAxesHold, defaultsHold, padsHold, statesHold } from './axes.ts'
import { embedding, generation } from './language.ts'
import { type Backend, backends } from './placement.ts'
import { schemaError } from './schema-error.ts'
import { stateSpec, tensorSpec } from './tensor-spec.ts'

const name = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/))
const positive = z.int().check(z.positive())

/** A path inside the model's folder: it can name nothing outside of it. */
const filePath = z.string().check(
  z.maxLength(512),
  z.refine(
    (path) => path.split('/').every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part)),
    'a relative path without empty, hidden or ".." parts',
  ),
)

const fileSpec = z.strictObject({
  path: filePath,
  /** Bytes. */
  size: positive,
  /** Lower-case hexadecimal. */
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
})

const variant = z.strictObject({
  id: name,
  precision: z.enum(['fp32', 'fp16', 'q8', 'q4', 'q4f16', 'bnb4']),
  /** The backends that it was made for, where not all: no other runs it. */
  backends: z.optional(z.array(z.enum(backends)).check(z.minLength(1))),
  /** The ONNX graph first, then its external data files. */
  files: z.array(fileSpec).check(z.minLength(1)),
  /** Bytes that a lane needs to hold and run it at batch one: weights, activations and the runtime's copies. */
  memory: positive,
  /** Of the cache of a language model; `float32` where it does not say. */
  kvType: z.optional(z.enum(['float32', 'float16'])),
})

/** How far two backends may differ on the same input where a manifest does not say. */
export const defaultTolerance = 0.01

/** What a model is for; `tensor` is anything else. */
export const tasks = [
  'text-generation',
  'feature-extraction',
  'text-classification',
  'image-classification',
  'tensor',
] as const

const manifest = z
  .strictObject({
    schema: z.literal(1),
    id: name,
    version: name,
    title: z.string().check(z.minLength(1)),
    description: z.string(),
    license: z.string(),
    task: z.enum(tasks),
    inputs: z.array(tensorSpec).check(z.minLength(1)),
    outputs: z.array(tensorSpec).check(z.minLength(1)),
    /** The axis along which rows of several requests may stand in one run; null where the graph fixes it. */
    batchAxis: z.nullable(z.literal(0)),
    /** Tensors that a session (`model.open()`) keeps between its runs. */
    state: z.optional(z.array(stateSpec).check(z.minLength(1))),
    /** How requests are put together, where the batch axis lets them; as Triton's dynamic batcher has it. */
    batching: z.optional(
      z.strictObject({
        /** The most rows of one run. */
        maxRows: z.optional(positive),
        /** Sizes that the model is best run at: a batch is filled up to the largest that it reaches. */
        preferredRows: z.optional(z.array(positive)),
        /** Milliseconds that a request may wait for company while a lane is free. Default: none. */
        maxDelayMs: z.optional(z.number().check(z.nonnegative())),
      }),
    ),
    /** The files of its tokenizer under their names on the hub: `tokenizer.json`, and what else there is. */
    tokenizer: z.optional(z.array(fileSpec).check(z.minLength(1))),
    /** For `text-generation`. */
    generation: z.optional(generation),
    /** For `feature-extraction`, where it embeds text. */
    embedding: z.optional(embedding),
    /** What the positions of the first output's last axis stand for. */
    labels: z.optional(z.array(z.string())),
    /** The largest absolute difference between backends on the same input. Default: `defaultTolerance`. */
    tolerance: z.optional(z.number().check(z.nonnegative())),
    variants: z.array(variant).check(z.minLength(1)),
  })
  .check(
    z.refine(batchAxesHold, {
      error: 'inputs and outputs whose shape has −1 at the batch axis',
      path: ['batchAxis'],
    }),
    z.refine(padsHold, {
      error:
        'a pad axis that is −1 in the shape and not the batch axis, and a pad value that the type can hold',
      path: ['inputs'],
    }),
    z.refine(defaultsHold, {
      error: 'a default, of its type, only for an input whose shape is fixed but for the batch',
      path: ['inputs'],
    }),
    z.refine(statesHold, {
      error: 'states that pair one input and one output of the same type and fixed shape, none of them twice',
      path: ['state'],
    }),
    z.refine(({ task, generation }) => (task === 'text-generation') === (generation !== undefined), {
      error: 'settings of generation for the task text-generation, and none for another task',
      path: ['generation'],
    }),
    z.refine(({ task, embedding }) => embedding === undefined || task === 'feature-extraction', {
      error: 'settings of embedding for the task feature-extraction only',
      path: ['embedding'],
    }),
  )

export type FileSpec = z.infer<typeof fileSpec>
export type Variant = z.infer<typeof variant>
export type Task = (typeof tasks)[number]
/** What a model is: enough to check a request, to place it, and to fetch and verify its files. */
export type Manifest = z.infer<typeof manifest>

/** @throws SpillwayError `manifest_invalid`, naming the first field that is wrong. */
export function parseManifest(value: unknown, from: string): Manifest {
  const result = z.safeParse(manifest, value)
  if (result.success) return result.data
  throw schemaError('manifest_invalid', `The manifest from ${from}`, result.error, value, {
    hint: 'See models/README.md for the schema.',
  })
}

/** The variants that were made for a backend, best first. */
export const variantsFor = ({ variants }: Manifest, backend: Backend): Variant[] =>
  variants.filter((variant) => variant.backends?.includes(backend) ?? true)

/** Every file that a manifest lists: its tokenizer's and its variants'. */
export const manifestFiles = ({ tokenizer = [], variants }: Manifest): FileSpec[] => [
  ...tokenizer,
  ...variants.flatMap(({ files }) => files),
]

/** Where a model's manifest is in a folder of models, as the server, a site and any static host have it. */
export const manifestFile = (id: string): string => `${encodeURIComponent(id)}/manifest.json`

/** Beside its manifest. The hash is part of the address, so a file may be cached for ever and a new version is a new address. */
export const modelFile = ({ path, sha256 }: FileSpec): string => `${path}?sha256=${sha256}`

import * as z from 'zod/mini'
import { batchAxesHold, defaultsHold, padsHold, statesHold } from './axes.ts'
import { SpillwayError } from './error.ts'
import { embedding, generation } from './language.ts'
import { type Backend, backends } from './placement.ts'
import { tensorTypes } from './tensor.ts'

const name = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/))
const positive = z.int().check(z.positive())
const axis = z.int().check(z.minimum(0), z.maximum(7))

/** A path inside the model's folder: it can name nothing outside of it. */
const filePath = z.string().check(
  z.maxLength(512),
  z.refine(
    (path) => path.split('/').every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part)),
    'a relative path without empty, hidden or ".." parts',
  ),
)

const tensorSpec = z.strictObject({
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
const stateSpec = z.strictObject({ input: z.string(), output: z.string() })

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
    /** The largest absolute difference between backends on the same input. */
    tolerance: z.number().check(z.nonnegative()),
    variants: z.array(variant).check(z.minLength(1)),
  })
  .check(
    z.refine(batchAxesHold, 'every input and output has −1 at its batch axis, where the model has one'),
    z.refine(
      padsHold,
      'a pad axis is another than the batch axis, −1 in the shape, its value one of the type',
    ),
    z.refine(defaultsHold, 'only inputs whose rows are of one size have a default, a value of their type'),
    z.refine(
      statesHold,
      'a state names an input and an output of one type and shape, whose rows are of one size, each once',
    ),
    z.refine(
      ({ task, generation }) => (task === 'text-generation') === (generation !== undefined),
      'a model for text-generation says how text is generated, and no other does',
    ),
    z.refine(
      ({ task, embedding }) => embedding === undefined || task === 'feature-extraction',
      'only a model for feature-extraction says how text is embedded',
    ),
  )

export type TensorSpec = z.infer<typeof tensorSpec>
export type FileSpec = z.infer<typeof fileSpec>
export type Variant = z.infer<typeof variant>
export type Task = (typeof tasks)[number]
export type StateSpec = z.infer<typeof stateSpec>
/** What a model is: enough to check a request, to place it, and to fetch and verify its files. */
export interface Manifest extends z.infer<typeof manifest> {}

/** @throws SpillwayError `manifest_invalid`, naming the first field that is wrong. */
export function parseManifest(value: unknown, from: string): Manifest {
  const result = z.safeParse(manifest, value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const where = issue?.path.length ? issue.path.join('.') : 'the document'
  throw new SpillwayError('manifest_invalid', `The manifest from ${from} is not valid at ${where}`, {
    expected: issue?.message ?? 'a manifest of schema 1',
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

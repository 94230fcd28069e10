import * as z from 'zod/mini'
import { SpillwayError } from './error.ts'
import { type Manifest, parseManifest, tasks } from './manifest.ts'

const reference = z.strictObject({
  /** `hf:owner/name@revision`: what `runtime.model()` and `spillway pull` take. */
  source: z.string().check(z.regex(/^hf:[\w.-]+\/[\w.-]+(?:@[\w./+-]+)?$/)),
  title: z.string().check(z.minLength(1)),
  description: z.string(),
  license: z.string(),
  task: z.enum(tasks),
})

const references = z.array(reference)

/**
 * A model on the hub that a site points to. Its files stay on the hub until a page or a server asks for its source.
 */
export interface Reference extends z.infer<typeof reference> {}

/** What a site offers: models in its folder, and some on the hub that are known to run. */
export interface SiteCatalogue {
  readonly models: readonly Manifest[]
  readonly hub: readonly Reference[]
}

/** @throws SpillwayError `manifest_invalid`. */
export function parseReferences(value: unknown, from: string): Reference[] {
  const parsed = z.safeParse(references, value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new SpillwayError(
    'manifest_invalid',
    `The list of models from ${from} is not valid at ${issue?.path.join('.') || 'its root'}`,
    { expected: issue?.message ?? 'references to models on the hub' },
  )
}

const listed = z.object({ models: z.array(z.unknown()), hub: z.optional(z.unknown()) })

/** @throws SpillwayError `manifest_invalid`. */
export function parseCatalogue(value: unknown, from: string): SiteCatalogue {
  const parsed = z.safeParse(listed, value)
  if (!parsed.success)
    throw new SpillwayError('manifest_invalid', `The catalogue from ${from} is not valid`, {
      expected: '{ models: […], hub: […] }',
    })
  const { models, hub = [] } = parsed.data
  return { models: models.map((model) => parseManifest(model, from)), hub: parseReferences(hub, from) }
}

import * as z from 'zod/mini'
import { type Manifest, type Task, tasks } from './manifest.ts'
import { parseManifest } from './manifest-schema.ts'
import { schemaError } from './schema-error.ts'

/** Schema of a reference. */
export const referenceSchema = z.strictObject({
  source: z.string().check(z.regex(/^hf:[\w.-]+\/[\w.-]+(?:@[\w./+-]+)?$/)),
  title: z.string().check(z.minLength(1)),
  description: z.string(),
  license: z.string(),
  task: z.enum(tasks),
})

const references = z.array(referenceSchema)

/**
 * A model on the hub that a site points to. Its files stay on the hub until a page or a server asks for its source.
 */
export interface Reference {
  /** `hf:owner/name@revision`, as `runtime.model()` and `spillway pull` take it. */
  source: string
  title: string
  description: string
  license: string
  task: Task
}

/** The models of a site: those in its folder, and those on the hub that it refers to. */
export interface SiteCatalogue {
  readonly models: readonly Manifest[]
  readonly hub: readonly Reference[]
}

/**
 * Checks a list of references (`hub.json`).
 *
 * @throws SpillwayError `manifest_invalid`.
 */
export function parseReferences(value: unknown, from: string): Reference[] {
  const parsed = z.safeParse(references, value)
  if (parsed.success) return parsed.data
  throw schemaError('manifest_invalid', `The list of models from ${from}`, parsed.error, value)
}

const listed = z.object({ models: z.array(z.unknown()), hub: z.optional(z.unknown()) })

/**
 * Checks a catalogue with all its manifests.
 *
 * @throws SpillwayError `manifest_invalid`.
 */
export function parseCatalogue(value: unknown, from: string): SiteCatalogue {
  const parsed = z.safeParse(listed, value)
  if (!parsed.success)
    throw schemaError('manifest_invalid', `The catalogue from ${from}`, parsed.error, value)
  const { models, hub = [] } = parsed.data
  return { models: models.map((model) => parseManifest(model, from)), hub: parseReferences(hub, from) }
}

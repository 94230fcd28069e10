import { join } from 'node:path'
import {
  type Backend,
  messageOf,
  needsRowProof,
  SpillwayError,
  type Variant,
  variantsFor,
} from '../../models/core/index.ts'
import type { Verifier } from '../../models/tools/manifest/verifier.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { type Draft, draftFor, draftRequest, withoutDraft } from '../../workers/host/text/draft.ts'
import { type GenerateLimits, generateSetup } from '../../workers/host/text/generate-setup.ts'
import type { LoadRequest } from '../../workers/protocol/lane.ts'
import type { CatalogueEntry } from './catalogue.ts'
import type { Drafts } from './drafts.ts'

export const defaultGenerateLimits: GenerateLimits = { slots: 16, maxSlots: 128, maxBytes: 2 ** 30 }

interface LoadOptions {
  readonly backend: Backend
  readonly variant: Variant
  readonly generateLimits: GenerateLimits
  /** The model that its manifest names as its draft. */
  readonly draft?: CatalogueEntry | undefined
  /** Bytes for all models in a lane. A draft model for which they do not suffice is left out. */
  readonly memoryBudget?: number
  /** Told of a draft model that is left out. */
  readonly onLeftOut?: Drafts['onLeftOut']
  /** The variant whose texts it takes over: a session of its own, as each has one reader of its tokens. */
  readonly inPlaceOf?: Variant | undefined
}

/** What a lane loads to run a variant of the model. */
export function createSessionSpec(
  entry: CatalogueEntry,
  options: LoadOptions,
  verify: Verifier,
): SessionSpec {
  const { backend, variant, generateLimits, inPlaceOf } = options
  const { manifest, folder } = entry
  const memory = variant.memory + (generateSetup(manifest, variant, generateLimits)?.maxBytes ?? 0)
  const draft = fittingDraft(entry, options, memory)
  return {
    key: sessionKey(entry, backend, variant, inPlaceOf),
    manifest,
    backend,
    variant: variant.id,
    memory: memory + (draft?.bytes ?? 0),
    request: async () => {
      for (const file of variant.files) await verify(join(folder, file.path), file)
      const request = loadRequestOf(entry, backend, { variant, generateLimits, inPlaceOf })
      if (!draft) return request
      const { files } = draft.variant
      try {
        for (const file of files) await verify(join(draft.folder, file.path), file)
      } catch (cause) {
        const reason = `its files cannot be read: ${messageOf(cause)}`
        leaveOut(entry, options, withoutDraft(manifest.id, draft.manifest.id, reason))
        return request
      }
      const source = { from: 'file', path: join(draft.folder, files[0]?.path ?? '') } as const
      return { ...request, draft: draftRequest(draft, source) }
    },
  }
}

/** The draft model where it runs on the backend, and there is memory for both. @throws SpillwayError As `draftFor`. */
function fittingDraft(
  entry: CatalogueEntry,
  options: LoadOptions,
  memory: number,
): (Draft & { readonly folder: string }) | undefined {
  const { draft: found, backend, memoryBudget = Number.POSITIVE_INFINITY } = options
  if (!found) return undefined
  const draft = draftFor(entry.manifest, found.manifest, { backend, freeBytes: memoryBudget - memory })
  if (typeof draft !== 'string') return { ...draft, folder: found.folder }
  leaveOut(entry, options, draft)
  return undefined
}

const leaveOut = (entry: CatalogueEntry, { backend, variant, onLeftOut }: LoadOptions, reason: string) =>
  onLeftOut?.(sessionKey(entry, backend, variant), reason)

/** The request that loads a model into a lane on this machine. The caller verifies its files. */
export function loadRequestOf(
  entry: CatalogueEntry,
  backend: Backend,
  {
    variant = chooseVariant(entry, backend),
    generateLimits = defaultGenerateLimits,
    inPlaceOf,
  }: Partial<Omit<LoadOptions, 'backend'>> = {},
): LoadRequest {
  const { manifest, folder } = entry
  const { inputs, outputs, batchAxis } = manifest
  const path = join(folder, variant.files[0]?.path ?? '')
  return {
    session: sessionKey(entry, backend, variant, inPlaceOf),
    backend,
    source: { from: 'file', path },
    inputs,
    outputs,
    batchAxis,
    needsRowProof: needsRowProof(manifest),
    generate: generateSetup(manifest, variant, generateLimits),
  }
}

/** No name in it holds `@`, `~` or `/`: no two versions of a model share a session. */
export const sessionKey = (entry: CatalogueEntry, backend: Backend, variant: Variant, inPlaceOf?: Variant) =>
  `${prefixOf(entry)}${variant.id}${inPlaceOf ? `~${inPlaceOf.id}` : ''}/${backend}`

const prefixOf = ({ manifest, revision }: CatalogueEntry) =>
  `${manifest.id}@${manifest.version}${revision === undefined ? '' : `~${revision}`}/`

/** Whether a session is of this version of the model, in any variant. */
export const isSessionOf = (entry: CatalogueEntry, session: string): boolean =>
  session.startsWith(prefixOf(entry))

/**
 * The preferred variant, or the first one made for the backend: manifests list the best one first.
 *
 * @throws SpillwayError `capacity_insufficient` where there is none.
 */
export function chooseVariant({ manifest }: CatalogueEntry, backend: Backend, preferred?: string): Variant {
  const variants = variantsFor(manifest, backend)
  const variant = variants.find(({ id }) => id === preferred) ?? variants[0]
  if (variant) return variant
  throw new SpillwayError('capacity_insufficient', `${manifest.id} has no variant for this server`, {
    expected: `a variant made for ${backend}`,
    got: manifest.variants.map(({ id, backends = [] }) => `${id} for ${backends.join(', ')}`).join('; '),
  })
}

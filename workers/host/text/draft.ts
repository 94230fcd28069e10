import {
  type Backend,
  type Manifest,
  SpillwayError,
  type Variant,
  variantsFor,
} from '../../../models/core/index.ts'
import { bytesPerToken } from '../../../models/core/kv-spec.ts'
import type { GenerationSpec } from '../../../models/core/language.ts'
import type { DraftRequest, GraphSource } from '../../protocol/lane.ts'

/** A draft model, and the files of it that run on a backend. */
export interface Draft {
  readonly manifest: Manifest
  readonly variant: Variant
  /** Bytes that it takes in a lane beside its model. */
  readonly bytes: number
}

/** Where a model and its draft model run. */
export interface DraftPlace {
  readonly backend: Backend
  /** Bytes that the model leaves of what there is for both. */
  readonly freeBytes: number
  /** Whether a variant runs there. Default: all that are made for the backend do. */
  readonly canRun?: (variant: Variant) => boolean
}

/**
 * The draft model of a model at a place, or why the model does without it there.
 *
 * @param found The model that the manifest names as its draft.
 * @throws SpillwayError `manifest_invalid` where its tokens are not those of the model.
 */
export function draftFor(
  target: Manifest,
  found: Manifest,
  { backend, freeBytes, canRun = () => true }: DraftPlace,
): Draft | string {
  const refuse = (expected: string, got: string) => {
    throw new SpillwayError('manifest_invalid', `${found.id} cannot be the draft model of ${target.id}`, {
      expected,
      got,
    })
  }
  const { generation: spec } = found
  if (!spec) return refuse('a model that generates text', found.task)
  if (spec.draft !== undefined) refuse('a model without a draft model of its own', `one with ${spec.draft}`)
  if (spec.adapters) refuse('a model without adapters', `one with ${spec.adapters.join(', ')}`)
  const vocabulary = target.generation?.vocabulary
  if (spec.vocabulary !== vocabulary) refuse(`a vocabulary of ${vocabulary} tokens`, `${spec.vocabulary}`)
  const [hash, draftHash] = [tokenizerHash(target), tokenizerHash(found)]
  if (hash !== draftHash) refuse(`the same tokenizer.json, SHA-256 ${hash}`, `${draftHash}`)
  const variant = variantsFor(found, backend).find(canRun)
  if (!variant) return withoutDraft(target.id, found.id, `it has no variant for ${backend} here`)
  const bytes = bytesOf(spec, variant)
  if (bytes > freeBytes) return withoutDraft(target.id, found.id, 'there is too little memory for both')
  return { manifest: found, variant, bytes }
}

/** What a developer is told: nothing fails, so no error would say why texts are slower. */
export const withoutDraft = (target: string, draft: string, reason: string): string =>
  `${target} does without its draft model ${draft}: ${reason}`

const tokenizerHash = ({ tokenizer = [] }: Manifest) =>
  tokenizer.find(({ path }) => path.endsWith('tokenizer.json'))?.sha256 ?? 'of none'

/** With the keys and values of one text. */
const bytesOf = ({ context, kv }: GenerationSpec, { memory, kvType = 'float32' }: Variant): number =>
  memory + context * bytesPerToken({ ...kv, type: kvType })

/** The part of a load request for it. */
export function draftRequest(
  { manifest, variant }: Pick<Draft, 'manifest' | 'variant'>,
  source: GraphSource,
): DraftRequest | undefined {
  const { id, generation: spec } = manifest
  return spec && { model: id, source, spec, kvType: variant.kvType ?? 'float32' }
}

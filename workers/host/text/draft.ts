import {
  type Backend,
  type Manifest,
  SpillwayError,
  type Variant,
  variantsFor,
} from '../../../models/core/index.ts'
import { bytesPerToken } from '../../../models/core/kv-spec.ts'
import type { DraftRequest, GraphSource } from '../../protocol/lane.ts'

/** A draft model, and the files of it that run on a backend. */
export interface Draft {
  readonly manifest: Manifest
  readonly variant: Variant
}

/**
 * The draft model of a model as it runs on a backend; undefined where it has no variant for that.
 *
 * @param found The model that the manifest names as its draft.
 * @throws SpillwayError `manifest_invalid` where its tokens are not those of the model.
 */
export function draftFor(target: Manifest, found: Manifest, backend: Backend): Draft | undefined {
  const refuse = (expected: string, got: string) => {
    throw new SpillwayError('manifest_invalid', `${found.id} cannot be the draft model of ${target.id}`, {
      expected,
      got,
    })
  }
  const { generation: spec } = found
  if (!spec) return refuse('a model that generates text', found.task)
  if (spec.draft !== undefined) refuse('a model without a draft model of its own', `one with ${spec.draft}`)
  const vocabulary = target.generation?.vocabulary
  if (spec.vocabulary !== vocabulary) refuse(`a vocabulary of ${vocabulary} tokens`, `${spec.vocabulary}`)
  const [hash, draftHash] = [tokenizerHash(target), tokenizerHash(found)]
  if (hash !== draftHash) refuse(`the same tokenizer.json, SHA-256 ${hash}`, `${draftHash}`)
  const [variant] = variantsFor(found, backend)
  return variant && { manifest: found, variant }
}

const tokenizerHash = ({ tokenizer = [] }: Manifest) =>
  tokenizer.find(({ path }) => path.endsWith('tokenizer.json'))?.sha256 ?? 'of none'

/** Bytes that it takes in a lane beside its model. */
export const draftBytes = ({ manifest: { generation: spec }, variant }: Draft): number =>
  variant.memory +
  (spec ? spec.context * bytesPerToken({ ...spec.kv, type: variant.kvType ?? 'float32' }) : 0)

/** The part of a load request for it. */
export function draftRequest({ manifest, variant }: Draft, source: GraphSource): DraftRequest | undefined {
  const { id, generation: spec } = manifest
  return spec && { model: id, source, spec, kvType: variant.kvType ?? 'float32' }
}

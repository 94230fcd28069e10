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
  if (spec.adapters) refuse('a model without adapters', `one with ${spec.adapters.join(', ')}`)
  const vocabulary = target.generation?.vocabulary
  if (spec.vocabulary !== vocabulary) refuse(`a vocabulary of ${vocabulary} tokens`, `${spec.vocabulary}`)
  const [hash, draftHash] = [tokenizerHash(target), tokenizerHash(found)]
  if (hash !== draftHash) refuse(`the same tokenizer.json, SHA-256 ${hash}`, `${draftHash}`)
  const [variant] = variantsFor(found, backend)
  return variant && { manifest: found, variant, bytes: bytesOf(spec, variant) }
}

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

import { type Manifest, SpillwayError, variantsFor } from '../../models/core/index.ts'
import { anyOf, showValue } from '../../models/core/wording.ts'
import type { PageBackend } from './candidate.ts'
import type { Outlook } from './placement-resolver.ts'

/** A choice that placement would make otherwise: for debugging, and for comparisons. */
export interface ForcedChoice {
  readonly backend?: PageBackend | undefined
  /** The variant's id in the manifest. */
  readonly variant?: string | undefined
}

/**
 * The manifest with nothing but the forced choice, so that placement decides as always.
 *
 * @throws SpillwayError `input_value_invalid` where the model has no such variant, or none for the backend.
 */
export function forceVariant(manifest: Manifest, { backend, variant }: ForcedChoice): Manifest {
  if (backend === undefined && variant === undefined) return manifest
  const made = backend === undefined ? manifest.variants : variantsFor(manifest, backend)
  const variants = made
    .filter(({ id }) => variant === undefined || id === variant)
    .map((chosen) => (backend === undefined ? chosen : { ...chosen, backends: [backend] }))
  if (variants.length > 0) return { ...manifest, variants }
  const wanted = variant === undefined ? 'variant' : `variant ${showValue(variant)}`
  throw new SpillwayError(
    'input_value_invalid',
    `${manifest.id} has no ${wanted}${backend === undefined ? '' : ` for the backend ${backend}`}`,
    { expected: anyOf(made.map(({ id }) => showValue(id))) },
  )
}

/** @throws SpillwayError Why the device cannot run what the page has forced. */
export function refuseForced({ error }: Outlook, { id, variants }: Manifest): void {
  if (!error) return
  const { expected, got } = error.detail
  throw new SpillwayError(
    error.code,
    `${id} cannot run here as forced (${variants.map(({ id }) => id).join(', ')})`,
    {
      ...(expected !== undefined && { expected }),
      ...(got !== undefined && { got }),
      hint: 'runtime.advise() says how it would run here.',
    },
  )
}

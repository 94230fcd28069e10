import type { Manifest } from '../../core/manifest.ts'
import type { TensorSpec } from '../../core/tensor-spec.ts'

/**
 * A new manifest with everything that people wrote into the old one. Files, sizes, hashes, memory, names, types and
 * fixed settings of the graph come from the new one.
 */
export function mergeManifest(old: Manifest, made: Manifest): Manifest {
  const { variants, tokenizer, inputs, outputs, generation, embedding } = made
  return {
    ...made,
    ...old,
    inputs: inputs.map((spec) => mergeSpec(old.inputs, spec)),
    outputs: outputs.map((spec) => mergeSpec(old.outputs, spec)),
    // An author may turn batching off for a graph that could batch.
    batchAxis: old.batchAxis === null ? null : made.batchAxis,
    ...(tokenizer ? { tokenizer } : {}),
    ...(generation && old.generation
      ? { generation: { ...generation, ...old.generation, kv: generation.kv } }
      : {}),
    ...(embedding && old.embedding
      ? { embedding: { ...embedding, ...old.embedding, ...(embedding.dense && { dense: embedding.dense }) } }
      : {}),
    variants,
  }
}

function mergeSpec(old: readonly TensorSpec[], made: TensorSpec): TensorSpec {
  const known = old.find(({ name }) => name === made.name)
  if (!known) return made
  const narrower =
    made.shape === null ||
    (known.shape?.length === made.shape.length &&
      made.shape.every((size, axis) => size === -1 || size === known.shape?.[axis]))
  return { ...made, ...known, type: made.type, shape: narrower ? known.shape : made.shape }
}

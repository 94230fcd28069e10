import { statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { SpillwayError } from '../../core/error.ts'
import type { Manifest } from '../../core/manifest.ts'
import type { OnWritten } from '../onnx/save.ts'
import type { VariantTarget } from './build-variant.ts'
import type { ImportSource } from './checkpoint.ts'
import { writeFolder } from './folder.ts'
import { openHubFolder } from './hub/source.ts'
import { openLlama2c } from './llama2c/source.ts'

/** Default limit of the context: position tables for longer ones would outweigh a small model. */
export const defaultMaxContext = 8_192

/** What to make of a checkpoint. Absent options follow from the checkpoint or the folder's name. */
export interface ImportOptions {
  readonly variants?: readonly VariantTarget[] | undefined
  /** The tokenizer's file, for checkpoints of llama2.c. */
  readonly tokenizer?: string | undefined
  readonly topK?: number | undefined
  /** Longest sequence in tokens, at most the one in training. */
  readonly context?: number | undefined
  readonly id?: string | undefined
  readonly title?: string | undefined
  readonly onWritten?: OnWritten
}

/**
 * Writes a model's folder out of a language model's checkpoint.
 *
 * @throws SpillwayError `file_missing`, `model_invalid`, `file_truncated` or `not_supported`.
 */
export async function importCheckpoint(
  path: string,
  out: string,
  { variants, tokenizer, topK, context, id, title, onWritten }: ImportOptions,
): Promise<Manifest> {
  const source = openCheckpoint(path, tokenizer)
  return writeFolder(out, source, {
    id: id ?? basename(resolve(out)),
    title: title ?? source.name,
    variants: variants ?? [{ id: 'fp32', precision: 'fp32', backend: 'webgpu', paged: false }],
    context: Math.min(source.checkpoint.shape.context, context ?? defaultMaxContext),
    topK,
    ...(onWritten && { onWritten }),
  })
}

/** @throws SpillwayError `file_missing`, `model_invalid`, `file_truncated` or `not_supported`. */
export function openCheckpoint(path: string, tokenizer: string | undefined): ImportSource {
  for (const one of tokenizer === undefined ? [path] : [path, tokenizer]) {
    if (!statSync(one, { throwIfNoEntry: false }))
      throw new SpillwayError('file_missing', `There is no ${one}`)
  }
  if (statSync(path).isDirectory()) return openHubFolder(path)
  return openLlama2c(path, tokenizer)
}

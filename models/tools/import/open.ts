import { statSync } from 'node:fs'
import { SpillwayError } from '../../core/error.ts'
import type { ImportSource } from './checkpoint.ts'
import { openHubFolder } from './hub/source.ts'
import { openLlama2c } from './llama2c/source.ts'

/** @throws SpillwayError `file_missing`, `model_invalid`, `file_truncated` or `not_supported`. */
export function openCheckpoint(path: string, tokenizer: string | undefined): ImportSource {
  for (const one of tokenizer === undefined ? [path] : [path, tokenizer]) {
    if (!statSync(one, { throwIfNoEntry: false }))
      throw new SpillwayError('file_missing', `There is no ${one}`)
  }
  if (statSync(path).isDirectory()) return openHubFolder(path)
  return openLlama2c(path, tokenizer)
}

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesBelow } from '../../support/files-below.ts'

/** What is fetched or made once: WebLLM's compiled library, random weights, and models of them. */
export const cacheFolder = fileURLToPath(new URL('../../../node_modules/.cache/bench-gpu/', import.meta.url))

/** The code that makes checkpoints, models and weights. */
const makers = ['../../../models/core', '../../../models/tools', './models', './webllm']

/**
 * The folder of what this state of the code makes, so that what is measured is never of other code. Folders of other states
 * are removed: each has gigabytes.
 */
export function madeFolder(): string {
  const all = join(cacheFolder, 'made')
  const digest = codeDigest()
  for (const other of existsSync(all) ? readdirSync(all) : [])
    if (other !== digest) rmSync(join(all, other), { recursive: true, force: true })
  return join(all, digest)
}

function codeDigest(): string {
  const digest = createHash('sha256')
  for (const folder of makers)
    for (const path of filesBelow(fileURLToPath(new URL(folder, import.meta.url)), '.ts').sort())
      digest.update(readFileSync(path))
  return digest.digest('hex').slice(0, 16)
}

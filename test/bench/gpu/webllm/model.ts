import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { madeFolder } from '../cache.ts'
import type { Sizes } from '../models/sizes.ts'
import { describeLibrary } from './description.ts'
import type { Library } from './library.ts'
import { writeWebLlmModel } from './write-model.ts'

/**
 * The folder with the weights of a library, which are written the first time. Its path ends as a revision on the hub does:
 * WebLLM adds that to any other address.
 */
export function webLlmModel({ path, precision }: Library, sizes: Sizes): string {
  const folder = join(madeFolder(), 'webllm', precision, 'resolve', 'main')
  if (existsSync(join(folder, 'mlc-chat-config.json'))) return folder
  rmSync(folder, { recursive: true, force: true })
  writeWebLlmModel(folder, describeLibrary(readFileSync(path)), sizes)
  return folder
}

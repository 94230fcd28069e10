import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { type SentenceTransformerParts, sentenceTransformer } from './sentence-transformer.ts'

/** Writes an embedding model with its manifest into a folder of SPILLWAY_MODELS. */
export async function writeEmbedder(folder: string, id: string, parts: SentenceTransformerParts) {
  const root = join(folder, id)
  const { repository, language } = sentenceTransformer(parts)
  for (const [path, content] of Object.entries(repository.files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  writeManifest(
    join(root, 'manifest.json'),
    await makeManifest(root, { about: { pipeline: 'sentence-similarity' } }),
  )
  return language
}

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeManifest, writeManifest } from '../../models/tools/manifest/write.ts'
import { type SentenceTransformerParts, sentenceTransformer } from './sentence-transformer.ts'
import { emptyFolder } from './test-models.ts'

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

/** A folder for SPILLWAY_MODELS with a small embedding model of random weights, `embedder`. */
export async function embedderFolder(): Promise<string> {
  const folder = await emptyFolder()
  const size = { words: 300, width: 8, heads: 2, layers: 1, context: 64 }
  await writeEmbedder(folder, 'embedder', { ...size, pooling: 'mean', normalize: true })
  return folder
}

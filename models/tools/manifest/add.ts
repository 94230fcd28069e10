import { existsSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { Variant } from '../../core/manifest.ts'
import { makeManifest, writeManifest } from './write.ts'

export interface Added {
  /** The manifest that lists it now. */
  readonly manifest: string
  readonly variant: Variant['id']
}

/**
 * A graph that was written into a model's folder becomes a variant of that model, named by its file: `model_q8.onnx`
 * is `q8`. Elsewhere, and under a name that says nothing, it is a file and no more.
 */
export async function addVariant(graph: string): Promise<Added | undefined> {
  const folder = dirname(resolve(graph))
  const root = [folder, dirname(folder)].find((one) => existsSync(join(one, 'manifest.json')))
  if (root === undefined) return undefined
  const path = relative(root, graph).split(sep).join('/')
  const manifest = await makeManifest(root)
  const added = manifest.variants.find(({ files }) => files[0]?.path === path)
  if (!added) return undefined
  const file = join(root, 'manifest.json')
  writeManifest(file, manifest)
  return { manifest: file, variant: added.id }
}

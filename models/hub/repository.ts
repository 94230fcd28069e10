import type { Manifest } from '../core/manifest.ts'
import { type About, describeModel } from './describe.ts'
import { openRepository, type PinnedRepository } from './hub.ts'
import type { HubOptions } from './locate.ts'
import type { HubReference } from './reference.ts'

/** The manifest of a model on the hub, as its files and configurations have it. */
export async function describeRepository(
  reference: HubReference,
  options: HubOptions,
  signal?: AbortSignal,
): Promise<Manifest> {
  const repository = await openRepository(reference, options, signal)
  return describeModel(repository, aboutRepository(repository))
}

/** What a repository is called among models: its id is what the hub's own caches call it, its version the commit. */
export const aboutRepository = ({ repo, commit, license, pipeline }: PinnedRepository): About => ({
  id: repo.replace('/', '--'),
  version: commit,
  title: repo.slice(repo.indexOf('/') + 1),
  description: `${repo} on the Hugging Face hub.`,
  license: license ?? 'unknown',
  pipeline,
  from: `hf:${repo}`,
})

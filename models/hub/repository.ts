import type { Manifest } from '../core/manifest.ts'
import { type About, describeModel } from './describe.ts'
import type { CallOptions } from './fetch-response.ts'
import { openRepository, type PinnedRepository } from './hub.ts'
import type { HubOptions } from './locate.ts'
import type { HubReference } from './reference.ts'

/**
 * The manifest of a model on the hub, derived from its file names and configurations.
 *
 * @throws SpillwayError As `openRepository` and `describeModel`.
 */
export async function describeRepository(
  reference: HubReference,
  hub: HubOptions,
  options: CallOptions,
): Promise<Manifest> {
  const repository = await openRepository(reference, hub, options)
  return describeModel(repository, aboutRepository(repository))
}

/** The id is the one that the hub's own caches use; the version is the commit. */
export const aboutRepository = ({ repo, commit, license, pipeline }: PinnedRepository): About => ({
  id: repo.replace('/', '--'),
  version: commit,
  title: repo.slice(repo.indexOf('/') + 1),
  description: `${repo} on the Hugging Face hub.`,
  license: license ?? 'unknown',
  pipeline,
  from: `hf:${repo}`,
})

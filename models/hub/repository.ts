import type { Manifest } from '../manifest.ts'
import { type About, describeModel } from './describe.ts'
import { type FileRequest, type HubOptions, openRepository, type PinnedRepository } from './hub.ts'
import type { HubReference } from './reference.ts'

/** A model where it was found: what it is, and where each of its files lies. */
export interface FoundModel {
  readonly manifest: Manifest
  locate(path: string): FileRequest
}

/** What a repository is called among models: its id is the one that the hub's own caches use for it. */
export const aboutRepository = ({ repo, commit, license, pipeline }: PinnedRepository): About => ({
  id: repo.replace('/', '--'),
  version: commit,
  title: repo.slice(repo.indexOf('/') + 1),
  description: `${repo} on the Hugging Face hub.`,
  license: license ?? 'unknown',
  pipeline,
  from: `hf:${repo}`,
})

/** A model on the hub, its manifest derived. */
export async function findOnHub(
  reference: HubReference,
  options: HubOptions,
  signal?: AbortSignal,
): Promise<FoundModel> {
  const repository = await openRepository(reference, options, signal)
  return {
    manifest: await describeModel(repository, aboutRepository(repository)),
    locate: repository.locate,
  }
}

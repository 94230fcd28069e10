import type { Clock } from '../../async/clock.ts'
import { SpillwayError } from '../../core/error.ts'
import { isFilePath } from '../../core/file-spec.ts'
import {
  aboutRepository,
  findVariants,
  type HubOptions,
  type HubReference,
  openRepository,
  type PinnedRepository,
  showReference,
} from '../../hub/index.ts'
import { makeManifest, readManifest } from '../manifest/write.ts'
import { chooseVariants } from './choose-variants.ts'
import type { PullFile } from './download.ts'
import type { PullPlan, VariantChoice } from './plan.ts'

/** Files fetched beside the graphs, where the repository has them. */
const companions = [
  'README.md',
  'LICENSE',
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'chat_template.json',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
]

/** The files of a sentence-transformers model's steps, such as `1_Pooling/config.json` and `2_Dense/model.safetensors`. */
const moduleFile = /^\d+_[A-Za-z]+\/(?:config\.json|model\.safetensors)$/

/** Up to this size a file is read into memory. A larger one is downloaded to disk, and resumes. */
const maxReadBytes = 2 * 2 ** 20

/** @throws SpillwayError As `openRepository` and `findVariants`. */
export async function planFromHub(
  reference: HubReference,
  hub: HubOptions,
  choice: VariantChoice,
  id: string | undefined,
  clock: Clock,
): Promise<PullPlan> {
  const repository = await openRepository(reference, hub, { clock })
  const { pipeline, ...named } = aboutRepository(repository)
  const about = { ...named, ...(id === undefined ? {} : { id }) }
  const chosen = chooseVariants(findVariants(repository.sizes.keys(), about.from), choice)
  const beside = [...repository.sizes.keys()].filter(
    (path) => companions.includes(path) || moduleFile.test(path),
  )
  const isSmall = (path: string) => (repository.sizes.get(path) ?? 0) <= maxReadBytes
  const large = [...chosen.flatMap(({ paths }) => paths), ...beside.filter((path) => !isSmall(path))]
  const [files, read] = await Promise.all([
    Promise.all(large.map((path) => pullFile(repository, path))),
    Promise.all(beside.filter(isSmall).map(async (path) => ({ path, bytes: await repository.read(path) }))),
  ])
  return {
    from: showReference({ repo: repository.repo, revision: repository.commit }),
    id: about.id,
    version: about.version,
    files,
    read,
    manifest: async (root, options) => {
      const known = readManifest(root)
      // The folder may still have files of another commit.
      const only = known?.version === about.version ? undefined : chosen.map(({ paths }) => paths[0] ?? '')
      return makeManifest(root, { ...options, about: { ...about, pipeline }, only })
    },
  }
}

async function pullFile(repository: PinnedRepository, path: string): Promise<PullFile> {
  if (!isFilePath(path)) {
    throw new SpillwayError('not_supported', 'A file of the model has a name that a manifest cannot list', {
      got: JSON.stringify(path),
    })
  }
  const { size, sha256 } = await repository.spec(path)
  return { path, size, sha256, request: repository.locate(path) }
}

import { SpillwayError } from '../../core/error.ts'
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

/** Files that are fetched beside the graphs, where they exist. */
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
  '1_Pooling/config.json',
]

/** Files up to this size are read into memory; larger ones are downloaded, which can resume. */
const readBytes = 2 * 2 ** 20

/** @throws SpillwayError As `openRepository` and `findVariants`. */
export async function planFromHub(
  reference: HubReference,
  options: HubOptions,
  choice: VariantChoice,
  id: string | undefined,
): Promise<PullPlan> {
  const repository = await openRepository(reference, options)
  const { pipeline, ...named } = aboutRepository(repository)
  const about = { ...named, ...(id === undefined ? {} : { id }) }
  const chosen = chooseVariants(findVariants(repository.sizes.keys(), about.from), choice)
  const beside = companions.filter((path) => repository.sizes.has(path))
  const isSmall = (path: string) => (repository.sizes.get(path) ?? 0) <= readBytes
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
    manifest: async (root) => {
      const known = readManifest(root)
      // Files of another commit may still be in the folder.
      const only = known?.version === about.version ? undefined : chosen.map(({ paths }) => paths[0] ?? '')
      return makeManifest(root, { about: { ...about, pipeline }, only })
    },
  }
}

async function pullFile(repository: PinnedRepository, path: string): Promise<PullFile> {
  if (!path.split('/').every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part))) {
    throw new SpillwayError('not_supported', 'A file of the model has a name that a manifest cannot list', {
      got: JSON.stringify(path),
    })
  }
  const { size, sha256 } = await repository.spec(path)
  return { path, size, sha256, request: repository.locate(path) }
}

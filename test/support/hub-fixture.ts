import { startHub, type TestHub } from './hub.ts'
import { bardRepository, decoderRepository, embedderRepository, embedderRow } from './hub-models.ts'
import { sentenceTransformer } from './sentence-transformer.ts'
import { taskRepositories } from './task-repositories.ts'

/** What a browser test knows of the hub that tests share. */
export interface HubFixture {
  readonly url: string
  readonly token: string
  /** Commit hashes by repository. */
  readonly commits: Readonly<Record<string, string>>
  /** The embedder's outputs for token 5 and for token 7 in the first sentence. */
  readonly rows: readonly (readonly number[])[]
}

/** Starts the hub. The only variant of `owner/external` is in two files, like those of large models. */
export async function startHubFixture(): Promise<{ hub: TestHub; fixture: HubFixture }> {
  const embedder = embedderRepository()
  const { 'onnx/model_quantized.onnx': _quantized, ...external } = embedder.files
  const repositories = {
    'owner/embedder': embedder,
    'owner/external': { ...embedder, files: external },
    'owner/private': { ...embedder, access: 'private' as const },
    'owner/sentences': sentenceTransformer({ words: 200, width: 32, heads: 4, layers: 1, context: 64 })
      .repository,
    'owner/decoder': decoderRepository(),
    'owner/bard': bardRepository(),
    // Of an architecture that nobody knows.
    'owner/strange': {
      files: { 'config.json': '{"architectures":["FooModel2"]}', 'onnx/model.onnx': 'x' },
    },
    ...taskRepositories(),
  }
  const hub = await startHub(repositories)
  const fixture = {
    url: hub.url.href,
    token: hub.token,
    commits: Object.fromEntries(Object.keys(repositories).map((repo) => [repo, hub.commit(repo)])),
    rows: [embedderRow(5, 0), embedderRow(7, 0)],
  }
  return { hub, fixture }
}

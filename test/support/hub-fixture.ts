import { startHub, type TestHub } from './hub.ts'
import { bardRepository, decoderRepository, embedderRepository, embedderRow } from './hub-models.ts'

/** What a test in the browser knows of the hub that all of them share. */
export interface HubFixture {
  readonly url: string
  readonly token: string
  /** By repository. */
  readonly commits: Readonly<Record<string, string>>
  /** What the embedder gives for token 5, then for token 7, in the first sentence. */
  readonly rows: readonly (readonly number[])[]
}

/** `owner/external` has its only variant in two files, as large models have. */
export async function startHubFixture(): Promise<{ hub: TestHub; fixture: HubFixture }> {
  const embedder = embedderRepository()
  const { 'onnx/model_quantized.onnx': _quantized, ...external } = embedder.files
  const repositories = {
    'owner/embedder': embedder,
    'owner/external': { ...embedder, files: external },
    'owner/private': { ...embedder, access: 'private' as const },
    'owner/decoder': decoderRepository(),
    'owner/bard': bardRepository(),
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

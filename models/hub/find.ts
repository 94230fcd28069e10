import { SpillwayError } from '../core/error.ts'
import { type FileSpec, type Manifest, manifestFile, modelFile, parseManifest } from '../core/manifest.ts'
import { parseCatalogue, type SiteCatalogue } from '../core/references.ts'
import { exchange, readJson } from './exchange.ts'
import { type FileRequest, type HubOptions, hubEndpoint, locateOnHub } from './locate.ts'
import { commitName, type HubReference, parseSource, showReference } from './reference.ts'
import { saidBy } from './refusal.ts'

export interface SourceOptions {
  /** The folder of models that ids are looked for in: a server's, a site's, or any static host's. */
  readonly models: URL
  readonly hub: HubOptions
}

/** A model where it was found: what it is, and where each of its files lies. */
export interface FoundModel {
  readonly manifest: Manifest
  locate(file: FileSpec): FileRequest
}

/** Where a model comes from; its manifest may be kept, and its files be found with that alone. */
export interface ModelSource {
  /** What its manifest is kept under. */
  readonly address: string
  /** Whether it never changes: a commit's manifest that was kept is as good as another. */
  readonly pinned: boolean
  /**
   * @throws SpillwayError `model_unknown`, `access_denied`, `manifest_invalid`, `model_invalid`, `not_supported`,
   * `overloaded`, `server_unreachable`, `server_timeout`, `server_response_invalid` or `aborted`.
   */
  fetch(signal?: AbortSignal): Promise<Manifest>
  locate(manifest: Manifest, file: FileSpec): FileRequest
}

/**
 * A model by its id in the folder of models, by the address of its manifest, or by `hf:owner/repo@revision`.
 *
 * @throws SpillwayError `input_value_invalid`.
 */
export function openSource(source: string, { models, hub }: SourceOptions): ModelSource {
  const name = parseSource(source, hubEndpoint(hub.endpoint))
  if (name.kind === 'hub') return hubSource(name.reference, hub)
  if (name.kind === 'id') return manifestSource(new URL(manifestFile(name.id), models))
  if (!name.url.pathname.endsWith('.onnx')) return manifestSource(name.url)
  throw new SpillwayError('not_supported', 'A model is loaded by its manifest', {
    expected: 'the address of a manifest.json',
    got: name.url.href,
    hint: 'Write one with "spillway pull", which reads the graph.',
  })
}

/** @throws SpillwayError As `openSource` and `fetch`. */
export async function findModel(
  source: string,
  options: SourceOptions,
  signal?: AbortSignal,
): Promise<FoundModel> {
  const opened = openSource(source, options)
  const manifest = await opened.fetch(signal)
  return { manifest, locate: (file) => opened.locate(manifest, file) }
}

const maxManifestBytes = 4 * 2 ** 20
const maxCatalogueBytes = 32 * 2 ** 20

/**
 * What a folder of models offers, where it has a `catalogue.json`.
 *
 * @throws SpillwayError `model_unknown`, `access_denied`, `manifest_invalid`, `overloaded`, `server_unreachable`,
 * `server_timeout`, `server_response_invalid` or `aborted`.
 */
export async function fetchCatalogue(models: URL, signal?: AbortSignal): Promise<SiteCatalogue> {
  const url = new URL('catalogue.json', models)
  const answer = await exchange(url, { maxBytes: maxCatalogueBytes, timeoutMs: 10_000, signal })
  if (!answer.ok) throw saidBy(url, answer)
  return parseCatalogue(readJson(url, answer), url.href)
}

/** Files are beside their manifest, wherever that is. */
const manifestSource = (url: URL): ModelSource => ({
  address: url.href,
  pinned: false,
  fetch: async (signal) => {
    const answer = await exchange(url, { maxBytes: maxManifestBytes, timeoutMs: 10_000, signal })
    if (!answer.ok) throw saidBy(url, answer)
    return parseManifest(readJson(url, answer), url.href)
  },
  locate: (_manifest, file) => ({ url: new URL(modelFile(file), url), headers: {} }),
})

const hubSource = (reference: HubReference, options: HubOptions): ModelSource => ({
  address: showReference(reference),
  pinned: commitName.test(reference.revision),
  fetch: async (signal) => {
    // Apart from what every page loads: most have all their models on their own site.
    const { describeRepository } = await import('./repository.ts')
    return describeRepository(reference, options, signal)
  },
  locate: ({ version }, { path }) => locateOnHub(reference.repo, version, options)(path),
})

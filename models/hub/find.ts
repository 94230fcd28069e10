import type { Clock } from '../async/clock.ts'
import { importCode } from '../async/import-code.ts'
import { SpillwayError } from '../core/error.ts'
import { type FileSpec, type Manifest, manifestFile, modelFile } from '../core/manifest.ts'
import type { SiteCatalogue } from '../core/references.ts'
import { type CallOptions, fetchResponse, readJson } from './fetch-response.ts'
import { type FileRequest, type HubOptions, hubEndpoint, locateOnHub } from './locate.ts'
import { commitName, type HubReference, parseSource, showReference } from './reference.ts'
import { siteError } from './response-errors.ts'

export interface SourceOptions {
  /** The folder of models in which ids are looked up: a server's, a site's, or any static host's. */
  readonly models: URL
  readonly hub: HubOptions
  readonly clock: Clock
}

/** A model's manifest, and the address of each of its files. */
export interface FoundModel {
  readonly manifest: Manifest
  locate(file: FileSpec): FileRequest
}

/** Where a model comes from. A stored manifest is enough to locate the model's files. */
export interface ModelSource {
  /** The key under which its manifest is stored. */
  readonly address: string
  /** Whether it names a commit: its manifest never changes, and a stored one may be used. */
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
export function openSource(source: string, { models, hub, clock }: SourceOptions): ModelSource {
  const name = parseSource(source, hubEndpoint(hub.endpoint))
  if (name.kind === 'hub') return hubSource(name.reference, hub, clock)
  if (name.kind === 'id') return manifestSource(new URL(manifestFile(name.id), models), clock)
  if (!name.url.pathname.endsWith('.onnx')) return manifestSource(name.url, clock)
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
const timeoutMs = 10_000

/**
 * The models in a folder that has a `catalogue.json`.
 *
 * @throws SpillwayError `model_unknown`, `access_denied`, `manifest_invalid`, `overloaded`, `server_unreachable`,
 * `server_timeout`, `server_response_invalid` or `aborted`.
 */
export async function fetchCatalogue(models: URL, options: CallOptions): Promise<SiteCatalogue> {
  const url = new URL('catalogue.json', models)
  const [response, { parseCatalogue }] = await Promise.all([
    fetchResponse(url, { ...options, maxBytes: maxCatalogueBytes, timeoutMs }),
    importCode(options.clock, 'catalogues', () => import('../core/references.ts')),
  ])
  if (!response.ok) throw siteError(url, response)
  return parseCatalogue(readJson(url, response), url.href)
}

/** The files lie beside their manifest. */
const manifestSource = (url: URL, clock: Clock): ModelSource => ({
  address: url.href,
  pinned: false,
  fetch: async (signal) => {
    // Schemas are a chunk of their own: a page loads them while its first manifest is on its way.
    const [response, { parseManifest }] = await Promise.all([
      fetchResponse(url, { clock, signal, maxBytes: maxManifestBytes, timeoutMs }),
      importCode(clock, 'manifests', () => import('../core/manifest-schema.ts')),
    ])
    if (!response.ok) throw siteError(url, response)
    return parseManifest(readJson(url, response), url.href)
  },
  locate: (_manifest, file) => ({ url: new URL(modelFile(file), url), headers: {} }),
})

const hubSource = (reference: HubReference, hub: HubOptions, clock: Clock): ModelSource => ({
  address: showReference(reference),
  pinned: commitName.test(reference.revision),
  fetch: async (signal) => {
    // A chunk of its own: most pages have all their models on their own site.
    const { describeRepository } = await import('./repository.ts')
    return describeRepository(reference, hub, { clock, signal })
  },
  locate: ({ version }, { path }) => locateOnHub(reference.repo, version, hub)(path),
})

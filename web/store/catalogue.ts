import { importCode } from '../../models/async/import-code.ts'
import { type FileSpec, type Manifest, type SiteCatalogue, SpillwayError } from '../../models/core/index.ts'
import { fetchCatalogue, type ModelSource, openSource, type SourceOptions } from '../../models/hub/find.ts'
import type { RequestHeaders } from '../remote/request-headers.ts'
import type { FileRequest, FileSource } from './download/file-source.ts'
import type { ModelStore } from './storage/model-store.ts'

export interface CatalogueOptions extends SourceOptions {
  readonly store: Pick<ModelStore, 'readManifest' | 'writeManifest'>
  /** How models are found and listed. Default: by HTTP. */
  readonly sources?: { readonly open: typeof openSource; readonly list: typeof fetchCatalogue } | undefined
  /** The server that files of models with `access: "key"` come from, and the headers with the page's token for it. */
  readonly keyed?: { readonly server: URL; readonly headers: RequestHeaders }
}

/** A fetched manifest is written this much later: opening the database would delay the first request. */
const storeDelayMs = 200

/** Where a page's models come from: its folder of models, addresses of manifests, and the Hugging Face hub. */
export class Catalogue {
  readonly #options: CatalogueOptions
  readonly #sources = new WeakMap<Manifest, ModelSource>()

  constructor(options: CatalogueOptions) {
    this.#options = options
  }

  /**
   * The manifest of a model. While its source cannot be reached, it is the last one that was stored.
   *
   * @param name An id in the folder of models, the address of a manifest, or `hf:owner/repo@revision`.
   * @param narrow Makes the manifest that is returned of the one that was found.
   * @throws SpillwayError As `openSource` and `ModelSource.fetch`.
   */
  async find(
    name: string,
    signal?: AbortSignal,
    narrow = (found: Manifest): Manifest => found,
  ): Promise<Manifest> {
    const open = this.#options.sources?.open ?? openSource
    const source = open(name, this.#options)
    const found = (source.pinned && (await this.#readStored(source))) || (await this.#fetch(source, signal))
    const manifest = narrow(found)
    this.#sources.set(manifest, source)
    return manifest
  }

  /**
   * The model that a manifest names as its draft, from the page's folder of models; undefined where it names none.
   *
   * @throws SpillwayError As `find`.
   */
  async draftOf({ generation }: Manifest, signal?: AbortSignal): Promise<Manifest | undefined> {
    return generation?.draft === undefined ? undefined : this.find(generation.draft, signal)
  }

  /** @throws SpillwayError As `fetchCatalogue`. */
  list(signal?: AbortSignal): Promise<SiteCatalogue> {
    const { models, clock, sources } = this.#options
    const list = sources?.list ?? fetchCatalogue
    return list(models, { clock, signal })
  }

  /** The source of a file. Its model must have been found here. */
  fileOf(manifest: Manifest, file: FileSpec): FileSource {
    const source = this.#sources.get(manifest)
    if (!source) throw new SpillwayError('internal', `${manifest.id} was not found in this catalogue`)
    const { path, size, sha256 } = file
    return { path, size, key: { sha256 }, request: () => this.#request(manifest, file, source) }
  }

  async #request(manifest: Manifest, file: FileSpec, source: ModelSource): Promise<FileRequest> {
    const request = source.locate(manifest, file)
    const { keyed } = this.#options
    // A token goes to its own server only.
    if (manifest.access !== 'key' || !keyed || !request.url.href.startsWith(keyed.server.href)) return request
    return keyed.headers.send(undefined, async (token) => ({
      ...request,
      headers: { ...request.headers, ...token },
    }))
  }

  async #fetch(source: ModelSource, signal: AbortSignal | undefined): Promise<Manifest> {
    try {
      const manifest = await source.fetch(signal)
      const { store, clock } = this.#options
      clock.after(storeDelayMs, () => void store.writeManifest(source.address, manifest))
      return manifest
    } catch (cause) {
      if (isFinal(cause)) throw cause
      const stored = await this.#readStored(source)
      if (stored === undefined) throw cause
      return stored
    }
  }

  /** Undefined for what is no valid manifest to this version of the library. */
  async #readStored({ address }: ModelSource): Promise<Manifest | undefined> {
    const { store, clock } = this.#options
    const stored = await store.readManifest(address)
    if (stored === undefined) return undefined
    const schemas = () => import('../../models/core/manifest-schema.ts')
    try {
      return (await importCode(clock, 'manifests', schemas)).parseManifest(stored, 'the store')
    } catch {
      return undefined
    }
  }
}

/** Whether the source itself refused, or the caller left. After other errors the stored manifest may be used. */
const isFinal = (cause: unknown) =>
  cause instanceof SpillwayError && ['model_unknown', 'access_denied', 'aborted'].includes(cause.code)

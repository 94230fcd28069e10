import type { Clock } from '../../models/async/clock.ts'
import {
  type FileSpec,
  type Manifest,
  parseManifest,
  type SiteCatalogue,
  SpillwayError,
} from '../../models/core/index.ts'
import { fetchCatalogue, type ModelSource, openSource, type SourceOptions } from '../../models/hub/find.ts'
import type { FileSource } from './download/file-source.ts'
import type { ModelStore } from './storage/model-store.ts'

export interface CatalogueOptions extends SourceOptions {
  readonly store: Pick<ModelStore, 'readManifest' | 'writeManifest'>
  readonly clock: Clock
}

/** Milliseconds for which a manifest that was fetched is not written yet: the first request goes before it. */
const keepAfterMs = 200

/** Where a page's models come from: its folder of models, addresses of manifests, and the Hugging Face hub. */
export class Catalogue {
  readonly #options: CatalogueOptions
  readonly #sources = new WeakMap<Manifest, ModelSource>()

  constructor(options: CatalogueOptions) {
    this.#options = options
  }

  /**
   * What a model is. With its source out of reach, it is what it was when it was last seen.
   *
   * @param name An id in the folder of models, the address of a manifest, or `hf:owner/repo@revision`.
   * @throws SpillwayError As `openSource` and `Source.fetch`.
   */
  async find(name: string, signal?: AbortSignal): Promise<Manifest> {
    const source = openSource(name, this.#options)
    const manifest = (source.pinned && (await this.#kept(source))) || (await this.#fetch(source, signal))
    this.#sources.set(manifest, source)
    return manifest
  }

  /** @throws SpillwayError As `fetchCatalogue`. */
  list(signal?: AbortSignal): Promise<SiteCatalogue> {
    return fetchCatalogue(this.#options.models, signal)
  }

  /** Where a file of a model that was found here is fetched from. */
  fileOf(manifest: Manifest, file: FileSpec): FileSource {
    const source = this.#sources.get(manifest)
    if (!source) throw new SpillwayError('internal', `${manifest.id} was not found in this catalogue`)
    const { path, size, sha256 } = file
    return { path, size, key: { sha256 }, request: () => source.locate(manifest, file) }
  }

  async #fetch(source: ModelSource, signal: AbortSignal | undefined): Promise<Manifest> {
    try {
      const manifest = await source.fetch(signal)
      // Not waited for, and not now: to open a database takes the browser longer than to send the first request.
      const { store, clock } = this.#options
      clock.after(keepAfterMs, () => void store.writeManifest(source.address, manifest))
      return manifest
    } catch (cause) {
      if (isFinal(cause)) throw cause
      const kept = await this.#kept(source)
      if (kept === undefined) throw cause
      return kept
    }
  }

  /** What another version of this library kept may be no manifest to this one. */
  async #kept({ address }: ModelSource): Promise<Manifest | undefined> {
    const kept = await this.#options.store.readManifest(address)
    try {
      return kept === undefined ? undefined : parseManifest(kept, 'the store')
    } catch {
      return undefined
    }
  }
}

/** The source has spoken, or the caller has gone; whatever else answers for a source that is down is not believed. */
const isFinal = (cause: unknown) =>
  cause instanceof SpillwayError && ['model_unknown', 'access_denied', 'aborted'].includes(cause.code)

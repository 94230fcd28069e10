import type { Clock } from '../../models/async/clock.ts'
import { importCode } from '../../models/async/import-code.ts'
import { type Backend, type Manifest, messageOf, textFiles, type Variant } from '../../models/core/index.ts'
import type { Draft } from '../../workers/host/text/draft.ts'
import type { Catalogue } from '../store/catalogue.ts'
import type { ModelFiles, Progress } from '../store/worker/load-files.ts'
import type { DeviceSession, SessionGraphs } from './device-session.ts'
import { type FileStore, loadGraph } from './load-graph.ts'

export interface SessionFilesOptions {
  readonly store: FileStore
  /** The addresses of models' files, and the models that others name as their drafts. */
  readonly catalogue: Pick<Catalogue, 'fileOf' | 'draftOf'>
  /** The most bytes of all sessions in all lanes. */
  readonly memoryBudget: number
  /** Whether the device runs the variant on a backend for which it is made. */
  readonly canRun: (backend: Backend, variant: Variant) => Promise<boolean>
  readonly clock: Clock
}

interface FilesOfModel {
  readonly manifest: Manifest
  readonly files: Pick<Variant, 'id' | 'files'>
}

/** The files that a device's sessions need, from the store, else the network. */
export class SessionFiles {
  readonly #options: SessionFilesOptions

  constructor(options: SessionFilesOptions) {
    this.#options = options
  }

  /**
   * The session's graph, and that of its draft model.
   *
   * @throws SpillwayError As `loadGraph`.
   */
  async graphsOf(
    session: DeviceSession,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<SessionGraphs> {
    const { store } = this.#options
    const { draft } = session
    const files = { ...this.#sourcesOf(session), needsRuntime: true }
    const source = await loadGraph(store, files, signal, onProgress)
    if (!draft) return { source }
    const { manifest, variant } = draft
    try {
      const { draftRequest } = await this.#draftCode()
      const graph = await loadGraph(store, this.#sourcesOf({ manifest, files: variant }), signal)
      return { source, draft: draftRequest(draft, graph) }
    } catch (cause) {
      if (signal?.aborted) throw cause
      // The code may be what could not be loaded.
      warn(`${session.manifest.id} does without its draft model ${manifest.id}: ${messageOf(cause)}`)
      return { source }
    }
  }

  /**
   * The session's draft model, where there is memory for both.
   *
   * @throws SpillwayError As `Catalogue.draftOf` and `draftFor`.
   */
  async findDraft(session: DeviceSession, signal: AbortSignal): Promise<Draft | undefined> {
    const { catalogue, memoryBudget, canRun } = this.#options
    const { manifest, backend } = session
    const found = await catalogue.draftOf(manifest, signal)
    if (!found) return undefined
    const { draftFor } = await this.#draftCode()
    const usable = new Set<Variant>()
    for (const variant of found.variants) if (await canRun(backend, variant)) usable.add(variant)
    const freeBytes = memoryBudget - session.memory + (session.draft?.bytes ?? 0)
    const draft = draftFor(manifest, found, { backend, freeBytes, canRun: (variant) => usable.has(variant) })
    if (typeof draft !== 'string') return draft
    warn(draft)
    return undefined
  }

  /** The files that texts need beside the graph, as `textFiles` lists them. */
  textFiles(manifest: Manifest): Promise<ArrayBuffer[]> {
    const files = { id: 'tokenizer', files: textFiles(manifest) }
    return this.#options.store.loadFiles(this.#sourcesOf({ manifest, files }))
  }

  /** Few models have one. */
  #draftCode() {
    return importCode(this.#options.clock, 'draft models', () => import('../../workers/host/text/draft.ts'))
  }

  #sourcesOf({ manifest, files }: FilesOfModel): ModelFiles {
    const { id, version } = manifest
    return {
      model: { id, version, variant: files.id },
      files: files.files.map((file) => this.#options.catalogue.fileOf(manifest, file)),
    }
  }
}

// biome-ignore lint/suspicious/noConsole: Nothing fails, so no error would tell a developer why texts are slower.
const warn = (reason: string) => console.warn(`spillway: ${reason}`)

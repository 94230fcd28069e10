import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../../models/async/clock.ts'
import { type InFlight, shareInFlight } from '../../../models/async/share-in-flight.ts'
import { type FileSpec, SpillwayError } from '../../../models/core/index.ts'
import { createVerifier } from '../../../models/tools/manifest/verifier.ts'
import { download } from '../../../models/tools/pull/download.ts'
import { closed } from '../../../workers/host/scheduler/errors.ts'
import type { StoredBytes } from '../../api/device-advice.ts'
import type { FileStore } from '../../device/load-graph.ts'
import type { FileRequest, FileSource } from '../../store/download/file-source.ts'
import { modelKey } from '../../store/storage/model-store.ts'
import type { ModelFiles, Progress } from '../../store/worker/load-files.ts'
import { claimPartial } from './claim-partial.ts'
import type { ModelFolders } from './model-folders.ts'
import { progressOf } from './progress.ts'

/**
 * The files of a program's models. Those of this machine stay where they are; others are downloaded, and get their names
 * when they are complete and their SHA-256 is right.
 */
export class FolderStore implements FileStore {
  readonly #folders: ModelFolders
  readonly #clock: Clock
  readonly #verify = createVerifier()
  readonly #closing = new AbortController()
  /** By path: models may share files. */
  readonly #downloads = new Map<string, InFlight<number>>()

  constructor(folders: ModelFolders, clock: Clock) {
    this.#folders = folders
    this.#clock = clock
  }

  /**
   * The paths of the verified files, in their order.
   *
   * @throws SpillwayError As `download`; `file_missing`, `file_truncated` or `file_altered` for files of this machine.
   */
  async locateFiles(
    { model, files }: ModelFiles,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<string[]> {
    if (this.#closing.signal.aborted) throw closed()
    const located = await Promise.all(files.map((file) => this.#locate(model, file)))
    const kept = located.filter(({ isLocal }) => !isLocal).map(({ file }) => file.path)
    if (kept.length > 0) await this.#folders.put({ ...model, files: kept, usedAt: Date.now() })
    this.#folders.used.add(modelKey(model))
    const report = progressOf(files, this.#clock, onProgress)
    const until = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal
    for (const [index, { path, spec, request, isLocal }] of located.entries()) {
      if (isLocal) await this.#verify(path, spec)
      else if (!(await this.#isKept(path, spec)))
        await this.#download(path, spec, request, until, (bytes) => report(index, bytes, 0))
      else report(index, spec.size, spec.size)
      report(index, spec.size)
    }
    return located.map(({ path }) => path)
  }

  /** Their bytes. @throws SpillwayError As `locateFiles`. */
  async loadFiles(
    files: ModelFiles,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<ArrayBuffer[]> {
    const paths = await this.locateFiles(files, signal, onProgress)
    return Promise.all(paths.map(async (path) => Uint8Array.from(await readFile(path)).buffer))
  }

  /** Counts the bytes of files that are here, by their sizes. */
  async count(
    model: Pick<ModelFiles['model'], 'id' | 'version'>,
    files: readonly FileSource[],
  ): Promise<StoredBytes> {
    let kept = 0
    let total = 0
    for (const file of files) {
      const { path, spec } = await this.#locate(model, file)
      total += spec.size
      if ((await stat(path).catch(() => undefined))?.size === spec.size) kept += spec.size
    }
    return { kept, missing: total - kept }
  }

  close(): void {
    this.#closing.abort()
  }

  async #locate(model: Pick<ModelFiles['model'], 'id' | 'version'>, file: FileSource): Promise<LocatedFile> {
    const { path, size, key } = file
    if (size === undefined || !('sha256' in key))
      throw new SpillwayError('internal', `${path} has no size and SHA-256`)
    const request = await file.request()
    const isLocal = request.url.protocol === 'file:'
    return {
      file,
      path: isLocal ? fileURLToPath(request.url) : join(this.#folders.of(model), path),
      spec: { path, size, sha256: key.sha256 },
      request,
      isLocal,
    }
  }

  #isKept(path: string, spec: FileSpec): Promise<boolean> {
    return this.#verify(path, spec).then(
      () => true,
      () => false,
    )
  }

  async #download(
    path: string,
    spec: FileSpec,
    { url, headers = {} }: FileRequest,
    signal: AbortSignal,
    onBytes: (received: number) => void,
  ): Promise<void> {
    let downloading = this.#downloads.get(path)
    if (!downloading) {
      const abandon = () => {
        if (this.#downloads.get(path) === downloading) this.#downloads.delete(path)
      }
      downloading = shareInFlight(async (stop, report) => {
        try {
          const partial = await claimPartial(path)
          const root = path.slice(0, -spec.path.length)
          await download(
            root,
            { ...spec, request: { url, headers } },
            { clock: this.#clock, signal: stop, onBytes: report, partial },
          )
        } finally {
          abandon()
        }
      }, abandon)
      this.#downloads.set(path, downloading)
    }
    await downloading.join(signal, onBytes)
  }
}

interface LocatedFile {
  readonly file: FileSource
  readonly path: string
  readonly spec: FileSpec
  readonly request: FileRequest
  /** Whether it is a file of this machine that was not downloaded. */
  readonly isLocal: boolean
}

/** What crosses the edge of the store's worker. Types only. */
import type { Outcome } from '../../../models/async/outcome.ts'
import type { FileSource } from '../download/file-source.ts'
import type { ModelFiles, Progress } from './load-files.ts'

export interface LoadFilesRequest {
  /** Of this request, to abort it by. */
  readonly id: number
  readonly model: ModelFiles['model']
  readonly files: readonly Pick<FileSource, 'path' | 'key' | 'size'>[]
}

export interface WireFileRequest {
  readonly href: string
  readonly headers: Readonly<Record<string, string>>
}

/** What the worker asks and tells the page meanwhile. */
export interface LoadFilesWatcher {
  /** The request that fetches the file of that index: only the page has the source's tokens. */
  request(index: number): Promise<Outcome<WireFileRequest>>
  progress(progress: Progress): void
}

export interface StoreWorkerApi {
  loadFiles(request: LoadFilesRequest, watcher: LoadFilesWatcher): Promise<Outcome<ArrayBuffer[]>>
  abort(id: number): void
}

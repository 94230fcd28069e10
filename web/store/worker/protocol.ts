/** The messages between the page and the store's worker. Types only. */
import type { Outcome } from '../../../models/async/outcome.ts'
import type { FileSource } from '../download/file-source.ts'
import type { ModelFiles, Progress } from './load-files.ts'

export interface LoadFilesRequest {
  /** Identifies the request, for `abort`. */
  readonly id: number
  readonly model: ModelFiles['model']
  readonly files: readonly Pick<FileSource, 'path' | 'key' | 'size'>[]
  /** Whether a lane is needed: the runtime's download is then waited for, and counted. */
  readonly needsRuntime: boolean
}

export interface WireFileRequest {
  readonly href: string
  readonly headers: Readonly<Record<string, string>>
}

/** The page's side of a request: the worker calls it meanwhile. */
export interface LoadFilesWatcher {
  /** The HTTP request for the file with that index. Only the page has the source's tokens. */
  request(index: number): Promise<Outcome<WireFileRequest>>
  progress(progress: Progress): void
}

export interface StoreWorkerApi {
  loadFiles(request: LoadFilesRequest, watcher: LoadFilesWatcher): Promise<Outcome<ArrayBuffer[]>>
  abort(id: number): void
  /** ONNX Runtime for the page's lanes. Each call gets the same one. */
  loadRuntime(): Promise<Outcome<WebAssembly.Module>>
}

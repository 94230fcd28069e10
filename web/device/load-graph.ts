import type { GraphSource } from '../../workers/protocol/lane.ts'
import type { ModelFiles, Progress } from '../store/worker/load-files.ts'
import type { StoreWorker } from '../store/worker/store-worker.ts'

/** Where a device's files are kept. */
export interface FileStore extends Pick<StoreWorker, 'loadFiles'> {
  /**
   * The paths of the verified files, in their order, where lanes read files themselves. External data lie beside the graph
   * as the manifest says.
   */
  locateFiles?(
    files: ModelFiles,
    signal?: AbortSignal,
    onProgress?: (progress: Progress) => void,
  ): Promise<readonly string[]>
}

/**
 * A variant's graph for a lane: its bytes, or its path where the store has one.
 *
 * @throws SpillwayError As `StoreWorker.loadFiles`.
 */
export async function loadGraph(
  store: FileStore,
  request: ModelFiles & { readonly needsRuntime?: boolean },
  signal?: AbortSignal,
  onProgress?: (progress: Progress) => void,
): Promise<GraphSource> {
  if (store.locateFiles) {
    const [path = ''] = await store.locateFiles(request, signal, onProgress)
    return { from: 'file', path }
  }
  const [graph = new ArrayBuffer(0), ...external] = await store.loadFiles(request, signal, onProgress)
  return {
    from: 'bytes',
    graph,
    // The graph names its external data by file name, without a folder.
    external: external.map((data, index) => ({ path: baseName(request.files[index + 1]?.path ?? ''), data })),
  }
}

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1)

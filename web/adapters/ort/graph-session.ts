import type { Backend, Manifest } from '../../../models/core/index.ts'
import type { SessionSpec } from '../../../workers/host/scheduler/work.ts'
import type { GraphOptions, LoadRequest } from '../../../workers/protocol/lane.ts'
import type { ExternalFile } from './model-files.ts'

/** A model that comes as a graph without a manifest. */
export class GraphSession implements SessionSpec {
  readonly key: string
  readonly backend: Backend
  readonly variant = 'graph'
  readonly memory: number
  readonly manifest: Manifest
  readonly #files: { readonly graph: Blob; readonly external: readonly ExternalFile[] }
  readonly #options: GraphOptions

  constructor(
    key: string,
    backend: Backend,
    files: { readonly graph: Blob; readonly external: readonly ExternalFile[] },
    options: GraphOptions,
  ) {
    this.key = key
    this.backend = backend
    this.memory = files.graph.size + files.external.reduce((bytes, { data }) => bytes + data.size, 0)
    this.manifest = withoutManifest(key)
    this.#files = files
    this.#options = options
  }

  async request(): Promise<LoadRequest> {
    const { graph, external } = this.#files
    return {
      session: this.key,
      backend: this.backend,
      source: {
        from: 'bytes',
        graph: await graph.arrayBuffer(),
        external: await Promise.all(
          external.map(async ({ path, data }) => ({ path, data: await data.arrayBuffer() })),
        ),
      },
      inputs: [],
      outputs: [],
      batchAxis: null,
      graphOptions: this.#options,
    }
  }
}

/** Nothing is known of such a model: its runs are never shared. */
const withoutManifest = (id: string): Manifest => ({
  schema: 1,
  id,
  version: '1',
  title: id,
  description: '',
  license: '',
  task: 'tensor',
  inputs: [],
  outputs: [],
  batchAxis: null,
  variants: [],
})

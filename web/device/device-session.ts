import { type Backend, type Manifest, needsRowProof, type Variant } from '../../models/core/index.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { type GenerateLimits, generateSetup } from '../../workers/host/text/generate-setup.ts'
import type { GenerateSetup, GraphSource, LoadRequest } from '../../workers/protocol/lane.ts'

/** Sequences of one model on a device: enough for one person's chats and the page's own requests. */
export const generateLimits: GenerateLimits = { maxSlots: 8, maxBytes: 192 * 2 ** 20 }

/** A model's files and the backend that runs them on this device. */
export class DeviceSession implements SessionSpec {
  readonly key: string
  readonly manifest: Manifest
  readonly files: Variant
  readonly backend: Backend
  readonly #loadGraph: (session: DeviceSession) => Promise<GraphSource>
  readonly #generate: GenerateSetup | undefined
  #fetchedGraph: GraphSource | undefined

  constructor(
    manifest: Manifest,
    files: Variant,
    backend: Backend,
    loadGraph: (session: DeviceSession) => Promise<GraphSource>,
  ) {
    this.key = sessionKey(manifest, files, backend)
    this.manifest = manifest
    this.files = files
    this.backend = backend
    this.#loadGraph = loadGraph
    this.#generate = generateSetup(manifest, files, generateLimits)
  }

  get variant(): string {
    return this.files.id
  }

  get memory(): number {
    return this.files.memory + (this.#generate?.maxBytes ?? 0)
  }

  /** The graph for the next load, which transfers its buffers away; undefined where no load follows. */
  setFetchedGraph(graph: GraphSource | undefined): void {
    this.#fetchedGraph = graph
  }

  async request(): Promise<LoadRequest> {
    const source = this.#fetchedGraph ?? (await this.#loadGraph(this))
    this.#fetchedGraph = undefined
    const { key, backend, manifest } = this
    return {
      session: key,
      backend,
      source,
      inputs: manifest.inputs,
      outputs: manifest.outputs,
      batchAxis: manifest.batchAxis,
      needsRowProof: needsRowProof(manifest),
      generate: this.#generate,
    }
  }
}

export const sessionKey = ({ id, version }: Manifest, variant: Variant, backend: Backend) =>
  `${id}@${version}/${variant.id}/${backend}`

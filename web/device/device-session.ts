import type { Backend, Manifest, Variant } from '../../models/core/index.ts'
import type { SessionSpec } from '../../workers/host/scheduler/work.ts'
import { type GenerateLimits, generateSetup } from '../../workers/host/text/generate-setup.ts'
import type { GenerateSetup, LoadRequest } from '../../workers/protocol/lane.ts'

/** Sequences of one model on a device: a person's few chats, and what a page asks beside them. */
export const generateLimits: GenerateLimits = { maxSlots: 8, maxBytes: 192 * 2 ** 20 }

/** A model on the device: which files, on which backend. */
export class DeviceSession implements SessionSpec {
  readonly key: string
  readonly manifest: Manifest
  readonly files: Variant
  readonly backend: Backend
  readonly #loadFiles: (session: DeviceSession) => Promise<ArrayBuffer[]>
  readonly #generate: GenerateSetup | undefined
  #inHand: ArrayBuffer[] | undefined

  constructor(
    manifest: Manifest,
    files: Variant,
    backend: Backend,
    loadFiles: (session: DeviceSession) => Promise<ArrayBuffer[]>,
  ) {
    this.key = sessionKey(manifest, files, backend)
    this.manifest = manifest
    this.files = files
    this.backend = backend
    this.#loadFiles = loadFiles
    this.#generate = generateSetup(manifest, files, generateLimits)
  }

  get variant(): string {
    return this.files.id
  }

  get memory(): number {
    return this.files.memory + (this.#generate?.maxBytes ?? 0)
  }

  /** Files that were just fetched serve the next load, whose message takes their buffers; undefined: none is to come. */
  give(files: ArrayBuffer[] | undefined): void {
    this.#inHand = files
  }

  async request(): Promise<LoadRequest> {
    const [graph = new ArrayBuffer(0), ...external] = this.#inHand ?? (await this.#loadFiles(this))
    this.#inHand = undefined
    const { key, backend, manifest, files } = this
    return {
      session: key,
      backend,
      source: {
        from: 'bytes',
        graph,
        // The graph names its external data by the file's own name.
        external: external.map((data, index) => ({
          path: baseName(files.files[index + 1]?.path ?? ''),
          data,
        })),
      },
      inputs: manifest.inputs,
      outputs: manifest.outputs,
      batchAxis: manifest.batchAxis,
      generate: this.#generate,
    }
  }
}

export const sessionKey = ({ id, version }: Manifest, variant: Variant, backend: Backend) =>
  `${id}@${version}/${variant.id}/${backend}`

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1)
